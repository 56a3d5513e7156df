/*
 * How usage comes from the ledger into the record: counts of one license in two hours,
 * which two reapers file while others count, the clock moves on and steps back, a reaper
 * dies anywhere, and the ledger is made anew. One script is one atomic step, one
 * transaction is one atomic step; between two steps everything else may happen.
 *
 * A promise: once a reaper has come through undisturbed, the record has each count once.
 * Without a guard (the #ifdefs) spin finds a run after which it has another number.
 */

#ifndef COUNTS
#define COUNTS 3 /* how many requests are refused */
#endif
#ifndef DEATHS
#define DEATHS 2 /* how often a reaper dies between two steps */
#endif

#define REAPERS 2
#define AT(g, h) ((g) * 2 + (h))

byte counted; /* refusals, of all generations */
byte ledger[4]; /* by generation and hour: what its hash has */
byte record[4];
bool closed[2]; /* by generation: hour 0 takes no more */
bool present; /* the generation in use */
bool dead; /* whether generation 0 waits to be filed and cleared */
bool over; /* whether hour 0 is over for long enough, by the clock */
byte deaths, finished;
bool miscounted;

inline greater(slot, told) {
#ifdef NO_GREATEST
	record[slot] = told
#else
#ifdef NO_ABSOLUTE
	record[slot] = record[slot] + told
#else
	if
	:: told > record[slot] -> record[slot] = told
	:: else
	fi
#endif
#endif
}

/* Requests are refused, the clock moves, and the ledger is made anew once. */
active proctype others() {
	byte h;
	do
	:: atomic { counted < COUNTS ->
		h = (over -> 1 : 0);
#ifndef NO_CLOSED
		if
		:: h == 0 && closed[present] -> h = 1
		:: else
		fi;
#endif
		ledger[AT(present, h)]++;
		counted++
	}
	:: atomic { over = !over } /* the hour ends, or the clock steps back */
	:: atomic { !present -> present = 1; dead = 1 }
	:: break
	od;
	finished++
}

active [REAPERS] proctype reaper() {
	byte told0, told1; /* what the script told of both hours */
	bool gen, told_closed, clear;
	byte rounds;
again:
	if
	:: rounds < 2 -> rounds++
	:: else -> goto through
	fi;
	atomic { /* tally: of a dead generation first */
		gen = present;
		clear = 0;
		if
		:: dead -> gen = 0; clear = 1
		:: else ->
			if
			:: over -> closed[gen] = 1
			:: else
			fi
		fi;
		told_closed = closed[gen];
		told0 = ledger[AT(gen, 0)];
		told1 = ledger[AT(gen, 1)]
	}
	if
	:: atomic { deaths < DEATHS -> deaths++; goto again }
	:: true
	fi;
#ifdef NO_FILED_FIRST
	atomic {
		if
		:: told_closed && gen == present -> ledger[AT(gen, 0)] = 0
		:: else
		fi
	}
	if
	:: atomic { deaths < DEATHS -> deaths++; goto again }
	:: true
	fi;
#endif
#ifdef NO_DEAD_FILED
	if
	:: clear -> skip
	:: else -> atomic { greater(AT(gen, 0), told0); greater(AT(gen, 1), told1) }
	fi;
#else
	atomic { greater(AT(gen, 0), told0); greater(AT(gen, 1), told1) }
#endif
	if
	:: atomic { deaths < DEATHS -> deaths++; goto again }
	:: true
	fi;
	atomic { /* tallied, or the generation cleared */
		if
		:: clear -> ledger[0] = 0; ledger[1] = 0; dead = 0
#ifdef NO_GENERATION
		:: !clear && told_closed -> ledger[AT(present, 0)] = 0
#else
		:: !clear && told_closed && gen == present -> ledger[AT(gen, 0)] = 0
#endif
		:: else
		fi
	}
	goto again;
through:
	finished++
}

/* The reaper that comes through undisturbed, in the end. */
active proctype last() {
	finished == REAPERS + 1;
	atomic {
		greater(0, ledger[0]); greater(1, ledger[1]);
		greater(2, ledger[2]); greater(3, ledger[3])
	}
	miscounted = (record[0] + record[1] + record[2] + record[3] != counted);
	assert(!(miscounted))
}

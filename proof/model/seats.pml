/*
 * The seat protocol as a model that spin can search. README.md beside it says
 * what is left out and how to run it; proof/model/check.sh runs it.
 *
 * Two instances of the service serve any request, in any order, for any holder.
 * One Redis script is one atomic step, one Firestore transaction is one atomic
 * step, and between two steps anything may happen: the other instance works,
 * time passes, Redis is lost, this process dies.
 *
 * Every guard is an #ifdef: -DNO_... takes one out, and spin must then find a
 * broken promise. -DREACH=n asks instead whether event n can happen at all.
 */

/* ---- Bounds (all may be set with -D) ------------------------------------ */

#ifndef HOLDERS
#define HOLDERS 2		/* at most 3 */
#endif
#ifndef SEATS
#define SEATS 1
#endif
#ifndef SESSIONS
#define SESSIONS 2		/* grants in a whole run, at most 4 */
#endif
#ifndef LOSSES
#define LOSSES 1		/* times Redis is lost */
#endif
#ifndef FAULTS
#define FAULTS 1		/* deaths, lost answers, refused or late writes */
#endif
#ifndef EMPTY_LOSS
#define EMPTY_LOSS 1		/* Redis may come back empty */
#endif
#ifndef STALE_LOSS
#define STALE_LOSS 0		/* a lagging replica may take over, as a new process */
#endif
#ifndef BACK_LOSS
#define BACK_LOSS 0		/* ... and back: the same process with the replica's data */
#endif
#ifndef SWEEP
#define SWEEP 0			/* the reaper compares the record with the ledger */
#endif
#ifndef CLOCKS
#define CLOCKS 0		/* times the clock of Redis steps */
#endif
#ifndef RESTORES
#define RESTORES 0		/* times the record is put back to an earlier state */
#endif
#ifdef HANDOVER			/* tokens that outlive their sessions count: SEATS * (1 + HANDOVER) of them */
#define TOKEN_CAP	(SEATS * (1 + HANDOVER))
#endif
#ifndef REACH
#define REACH 0
#endif

#ifndef EPOCHS
#define EPOCHS 3		/* a rebuild that would open another one fails */
#endif

/* ---- Promises ------------------------------------------------------------
 * Each is a flag, so that spin's message names the promise that was broken. */

bit oversold;		/* more certain holders than seats */
bit resurrected;	/* a heartbeat succeeded after 410, or after 204 of a release */
bit unrecorded;		/* a holder was answered, or is certain, and its record is not active */
bit thrown_out;		/* 410 or 404 for a holder that was certain and had released nothing */
bit doubled;		/* two living sessions of one holder */
bit fenced_for_ever;	/* an operation fenced more often than epochs can pass */
bit rebuild_storm;	/* two epochs, and Redis was never lost */
bit seat_lost;		/* an error was answered and its seat is still taken */
bit oversigned;		/* more holders have a good token than the seats and the handover allow */
bit locked_out;		/* a holder was refused a seat for its own token */
bit rewritten;		/* a document that had ended was written again, with another reason */

#define PROMISE(broken, kept)	broken = !(kept); assert(!broken)

/* What spin -t prints of a counterexample, step by step. */
mtype = {
	reserve_NEW, reserve_HELD, reserve_STALE, reserve_FULL, reserve_OVERSPENT, create_ACTIVE, create_EXISTS, create_BURIED,
	create_FENCED, create_UNKNOWN, create_REFUSED, answer_GRANTED, sign_FAILED, give_BACK, forget_EPOCH,
	end_RECORDED, end_FENCED, end_UNKNOWN, remove_EXPIRED, answer_ENDED, answer_UNKNOWN,
	beat_OK, beat_EXPIRED, beat_UNKNOWN, release_MARKED, release_UNKNOWN, end_NOT_WRITTEN, answer_RELEASED, answer_CLOCK,
	visit_MARKED, sweep_READ, rebuild_ASKED, rebuild_OPENED, rebuild_READ, rebuild_STAGED, rebuild_LOADED, rebuild_LOST, DIED
};
#define LOG(what)	printf("instance %d: %e (holder %d, session %d, epoch %d)\n", _pid, what, h, x, n)

/* Reachability: the event must be found, as a violated assertion. */
#define EVENT(n)	assert(REACH != (n))

/* ---- Sets of sessions are bits ------------------------------------------ */

#define BIT(x)		(1 << ((x) - 1))
#define HAS(set, x)	(((set) >> ((x) - 1)) & 1)
#define PUT(set, x)	set = set | BIT(x)
#define DROP(set, x)	set = set & ~BIT(x)
#define COUNT(set)	(((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1) + (((set) >> 3) & 1))
#define OF(h)		((owner[1] == (h)) | ((owner[2] == (h)) << 1) | ((owner[3] == (h)) << 2) | ((owner[4] == (h)) << 3))

inline pick(one, set) {
	if
	:: HAS(set, 1) -> one = 1
	:: HAS(set, 2) -> one = 2
	:: HAS(set, 3) -> one = 3
	:: HAS(set, 4) -> one = 4
	fi
}

/* ---- Redis --------------------------------------------------------------- */

typedef Redis {
	byte erun; byte erepl;		/* E: the server it was loaded on; 0: missing or forgotten */
	byte eepoch; byte enonce;	/* E: its generation, by epoch and nonce */
	byte n; byte nrun; byte nrepl;	/* N: the nonce (0: none) and the server that made it */
	byte in;			/* sessions in the ledger */
	byte live;			/* ... whose time has not run out */
	byte marked;			/* ... whose end has begun, whatever the clock says */
	byte recorded;			/* ... whose id some client has heartbeated with */
	byte touched;			/* ... a second request answers with, or a rebuild brought back */
	byte held[HOLDERS + 1];		/* holder -> session */
	byte staged[EPOCHS + 1];	/* sessions of a generation that is being filled, for nonce N */
	byte ending[EPOCHS + 1];	/* ... staged as marked */
#ifdef HANDOVER
	byte spent;			/* sessions that are gone and whose token counts */
#endif
	byte parts			/* parts of the record that are staged for N: 1, 2 or both */
};

Redis R;
#if STALE_LOSS || BACK_LOSS
Redis replica;			/* what the replica had when it stopped following */
bit lagging;
#endif
byte server = 1; byte history = 1;	/* this server: run_id and master_replid */
byte nonces;			/* nonces made so far */
byte losses = LOSSES;
byte fences;			/* operations fenced since the last rebuild */
byte faults = FAULTS;
#if CLOCKS
mtype = { right, ahead, behind };
mtype clock = right;
byte steps = CLOCKS;
#define CLOCK_RIGHT	(clock == right)
/* Which sessions are living, by what the clock shows. */
#define LIVE		((clock == right -> R.live : (clock == ahead -> 0 : R.in)) & ~R.marked)
#else
#define CLOCK_RIGHT	true
#define LIVE		(R.live & ~R.marked)
#endif

#define HERE(r, p)	((r) == server && (p) == history)

#if defined(NO_IDENTITY)
#define LOADED		(R.erun != 0)			/* only a missing key is noticed */
#elif defined(NO_REPLID)
#define LOADED		(R.erun == server)			/* run_id alone */
#else
#define LOADED		HERE(R.erun, R.erepl)
#endif

/* ---- The record ---------------------------------------------------------- */

byte epoch; byte last_nonce;	/* ledger/state */
byte actives; byte ended;	/* sessions with such a document */
byte displaced;			/* ... ended for the reason that the ledger did not hold them */
#if RESTORES
byte restores = RESTORES;
bit saved;			/* what an operator can put back */
byte saved_epoch; byte saved_actives; byte saved_ended; byte saved_displaced;
#define STRUCK_OUT	9
byte forgotten;			/* sessions of which the record knows nothing any more */
#endif

#ifdef ONE_DOCUMENT_PER_HOLDER
#define SAME_DOCUMENT(x)	OF(owner[x])
#else
#define SAME_DOCUMENT(x)	BIT(x)
#endif

#ifdef HANDOVER
byte noted;			/* sessions whose document says when the last token ends */
#endif

/* Writes whose caller has given up on them and that may still land. */
byte late_create; byte late_epoch; byte late_nonce;
byte late_end; byte late_end_epoch; byte late_end_nonce;

/* ---- What the holders know ----------------------------------------------- */

byte owner[5];			/* session -> holder */
byte sessions;			/* made so far */
byte lease;			/* sessions whose expiry, as last told by Redis, lies ahead */
byte young;			/* sessions whose first request is still at work */
byte named;			/* sessions some client was told of */
byte given;			/* ... of which it asked the release, and was not answered anew */
byte anew[3];			/* instance -> session that a call since that release may answer */
byte releasing;			/* ... of which a release is at work */
byte over;			/* ... of which it was told 410, or 204 to a release */
byte told[4];			/* holder -> the session it works with */
byte believed;			/* only for a token whose life counts from its signing */

#ifdef HANDOVER
byte tok;			/* sessions of which a token would be good that any script so far let make */
#define GOOD(h)		((named & tok & OF(h)) != 0)
/* What counts of a holder: its session, over or not, or a token of one that is gone. */
#define COUNTED(h)	(((R.in | (R.spent & tok)) & OF(h)) != 0)
#define OWN_SPENT(h)	((R.spent & tok & OF(h)) != 0)
#define MAKE_TOKEN(s)	PUT(tok, s)
#define NOTE_TOKENS(set)	noted = noted | ((set) & ~ended)
#define NO_TOKEN(s)	DROP(tok, s)	/* none was made, and none will be */
#else
#define MAKE_TOKEN(s)	skip
#define NOTE_TOKENS(set)	skip
#define NO_TOKEN(s)	skip
#endif

#define CERTAIN(h)	(told[h] != 0 && (HAS(lease, told[h]) || HAS(believed, told[h])))

/* No more certain holders than seats, and the record of each is active: else
 * the next loss would sell its seat again. */
inline look() {
	PROMISE(oversold, CERTAIN(1) + CERTAIN(2) + CERTAIN(3) <= SEATS);
#ifdef HANDOVER
	PROMISE(oversigned, GOOD(1) + GOOD(2) + GOOD(3) <= TOKEN_CAP);
#endif
#ifndef ONLY_OVERSOLD
	PROMISE(unrecorded, (!CERTAIN(1) || HAS(actives, told[1])) && (!CERTAIN(2) || HAS(actives, told[2])) && (!CERTAIN(3) || HAS(actives, told[3])))
#endif
}

/* ---- Scripts (shared/ledger), each inside one atomic step --------- */

/* organization.lua, nonce: made once per incarnation. */
inline make_nonce() {
	if
	:: R.n != 0 && HERE(R.nrun, R.nrepl) -> skip
	:: else ->
		nonces++; R.n = nonces; R.nrun = server; R.nrepl = history;
		for (i : 0 .. EPOCHS) { R.staged[i] = 0; R.ending[i] = 0 }
		i = 0;
#ifndef NO_PROGRESS_NONCE
		R.parts = 0
#endif
	fi;
	nonce = R.n
}

/* reserve.lua: who must go before this holder can have a seat. */
inline find_stale() {
	gone = 0;
#ifndef NO_OWN_FIRST
	if
	:: R.held[h] != 0 -> gone = BIT(R.held[h])
	:: else
	fi;
#endif
	i = 1;
	do
	:: i > SESSIONS || COUNT(R.in & ~gone) < SEATS -> break
	:: else ->
		if
		:: HAS(R.in & ~LIVE, i) -> PUT(gone, i)
		:: else
		fi;
		i++
	od;
	i = 0;
#ifndef NO_STATE_STALE
	R.marked = R.marked | gone	/* what is named as expired stays so */
#endif
}

inline take(s) {
#if defined(HANDOVER) && !defined(NO_SPENT)
	R.spent = R.spent | (R.in & BIT(s) & tok);	/* remove.lua: in the same step */
#endif
	DROP(R.in, s); DROP(R.live, s); DROP(R.marked, s); DROP(R.recorded, s); DROP(R.touched, s);
	if
	:: R.held[owner[s]] == s -> R.held[owner[s]] = 0
	:: else
	fi
}

/* remove.lua, rule ended, for all sessions in gone. */
inline remove_ended() {
	for (i : 1 .. SESSIONS) {
		if
#ifdef NO_IF_ENDED
		:: HAS(gone & R.in, i) -> take(i)
#elif defined(NO_STATE_STALE) || defined(NO_STATE_BEAT) || defined(NO_STATE_VISIT)
		:: HAS(gone & R.in & ~LIVE, i) -> take(i)
#else
		:: HAS(gone & R.in & R.marked, i) -> take(i)
#endif
		:: else
		fi
	}
	i = 0
}

/* What is not read before it is loaded anew need not be told apart. Marks are:
 * a rebuild on the same server finds them in the generation it replaces. */
inline close() {
	R.eepoch = 0; R.enonce = 0; R.in = 0; R.live = 0; R.recorded = 0; R.touched = 0;
#ifdef HANDOVER
	R.spent = 0;
#endif
	for (i : 1 .. HOLDERS) { R.held[i] = 0 }
	i = 0
}

/* load.lua: exactly the staged sessions, each with a full TTL. */
inline switch_generation() {
#if defined(HANDOVER) && !defined(NO_SPENT_REBUILT)
	R.spent = ended & noted & tok;	/* record.SpentTokens, spend.lua: the record stands still */
#endif
	R.in = R.staged[n]; R.marked = R.ending[n]; R.live = R.in; R.touched = R.in & young; R.recorded = 0;
	for (i : 1 .. HOLDERS) { R.held[i] = 0 }
	for (i : 1 .. SESSIONS) {
		if
		:: HAS(R.in, i) -> R.held[owner[i]] = i
		:: else
		fi
	}
	for (i : 0 .. EPOCHS) { R.staged[i] = 0; R.ending[i] = 0 }
	i = 0;
	R.parts = 0;
	R.erun = server; R.erepl = history; R.eepoch = n; R.enonce = nonce;
	R.n = 0; R.nrun = 0; R.nrepl = 0;
	fences = 0;
	PROMISE(oversold, COUNT(R.in) <= SEATS);
	PROMISE(doubled, COUNT(R.in & OF(1)) <= 1 && COUNT(R.in & OF(2)) <= 1)
}

/* ---- Transactions (shared/record/) ----------------------------------------- */

inline put_active(s) {
	actives = actives & ~SAME_DOCUMENT(s); ended = ended & ~SAME_DOCUMENT(s);
	PUT(actives, s)
}

#ifdef NO_ENDED_STAYS
#define KEPT(set, why)		(!(why) || ((set) & ended & ~displaced) == 0)
#else
#define KEPT(set, why)		true
#endif

/* Set ended, also when there is no document: a tombstone. What has ended is left
 * as it is. why: the ends are of sessions that the ledger did not hold. */
inline put_ended(set, why) {
	PROMISE(rewritten, KEPT(set, why));
	if
	:: why -> displaced = displaced | ((set) & ~ended)
	:: else
	fi;
#ifdef NO_TOMBSTONE
	ended = ended | ((set) & actives); actives = actives & ~(set);
#else
	ended = ended | (set); actives = actives & ~(set);
#ifdef ONE_DOCUMENT_PER_HOLDER
	for (i : 1 .. SESSIONS) {
		if
		:: HAS(set, i) -> ended = ended | (actives & OF(owner[i])); actives = actives & ~OF(owner[i])
		:: else
		fi
	}
	i = 0;
#endif
#endif
}

/* The epoch that something was decided under, and the record's: number and nonce. */
#ifdef NO_FENCE_NONCE
#define OTHER_EPOCH(e, m)	(epoch != (e))
#else
#define OTHER_EPOCH(e, m)	(epoch != (e) || last_nonce != (m))
#endif
#ifdef NO_FENCE_CREATE
#define CREATE_FENCED(e, m)	false
#else
#define CREATE_FENCED(e, m)	OTHER_EPOCH(e, m)
#endif
#ifdef NO_FENCE_END
#define END_FENCED(e, m)	false
#else
#define END_FENCED(e, m)	OTHER_EPOCH(e, m)
#endif

/* ---- Answers ------------------------------------------------------------- */

#if RESTORES
#define FORGOTTEN(x)	HAS(forgotten, x)
#else
#define FORGOTTEN(x)	false
#endif

/* 201 or 200 of an acquire. A lease that ran out on the way makes no holder certain. */
inline answer_granted() {
	LOG(answer_GRANTED);
#ifdef NO_TOKEN_TIME
	PUT(believed, x);	/* the token's life counts from its signing */
#endif
	PUT(named, x);
	if
	:: anew[_pid] == x -> DROP(given, x)
	:: else
	fi;
	if
	:: !HAS(given, x) && !FORGOTTEN(x) -> told[h] = x
	:: else
	fi
}

inline note_over() {
	if
	:: !FORGOTTEN(x) -> PUT(over, x)
	:: else
	fi
}

/* 410. */
inline answer_ended() {
	LOG(answer_ENDED);
	PROMISE(thrown_out, FORGOTTEN(x) || !(told[h] == x && HAS(lease, x)));
	note_over();
	if
	:: told[h] == x -> told[h] = 0
	:: else
	fi;
	EVENT(2)
}

/* 204. */
inline answer_released() {
	LOG(answer_RELEASED);
	note_over()
}

/* 204, and the record may not have the end: if a loss has taken the mark by now,
 * the release is undone as by a loss that comes after it. */
inline answer_missed() {
	LOG(answer_RELEASED);
	if
	:: HAS(ended | R.marked, x) -> note_over()
	:: else
	fi
}

/* 503 while the clocks of server and caller disagree: nothing was granted or ended. */
inline answer_clock() { LOG(answer_CLOCK); EVENT(20); at = Idle }

/* ---- An instance: one request after the other ---------------------------- */

/* Its place in the protocol. Each is one step; between two, the others work. */
mtype = {
	Idle,
	Insert, Create, ReadBack, Bury, Issue, Withdraw, GiveBack,	/* acquire.go */
	End, Remove, Forget,					/* end.go */
	Displaced,						/* heartbeat.go */
	Mark, Lookup, EndUnknown, Conclude, Free,		/* release.go */
	Sweep, Known,						/* reap.go */
	Open, Read, Stage, Load					/* rebuild.go */
};

/* A process may die, or an answer may be lost, at every step. */
#define DIES	faults > 0 -> faults--; LOG(DIED); at = Idle

/* A holder that asked for a release and has no answer yet, or an error, does not
 * heartbeat before it was answered anew. */
#ifdef BEAT_AFTER_RELEASE
#define BEATING		named
#else
#define BEATING		(~given | over)
#endif

/* REBUILD, with the nonce of this incarnation. The operation begins anew after
 * it, which here is a new request: nothing is kept of it, except of a release. */
inline ask_rebuild() {
	make_nonce();
	forget_grant();
	if
	:: releasing_x
	:: else -> beating = 0; h = 0; x = 0; known = 0
	fi;
	n = 0; m = 0; gone = 0; away = 0;
	at = Open
}

/* The first request of a grant is through with it. */
inline forget_grant() {
	if
	:: first -> first = 0; DROP(young, x); DROP(R.touched, x)
	:: else
	fi;
	anew[_pid] = 0
}

/* The epoch of what this script saw. */
#define DECIDED		n = R.eepoch; m = R.enonce

/* What is left of the request is the end of a session, as the reaper does it. */
inline end_only() {
	forget_grant();
	known = 0; h = 0; x = 0; DECIDED;
	at = End
}

/* reserve.lua, the last part: a new session. */
inline insert() {
	if
	:: sessions == SESSIONS -> at = Idle		/* the model's bound */
	:: else ->
		sessions++; x = sessions; owner[x] = h; first = 1;
		PUT(R.in, x); PUT(R.live, x); R.held[h] = x; PUT(lease, x); PUT(young, x); MAKE_TOKEN(x);
		LOG(reserve_NEW)
	fi
}

/* A release's end holds in the epoch of its mark alone: fenced, it begins anew. */
#ifdef NO_FENCE_RELEASE
#define RELEASE_FENCED	false
#else
#define RELEASE_FENCED	OTHER_EPOCH(n, m)
#endif

/* An end whose outcome nobody knows: it may land later, or never. */
#define GIVE_UP_END(set)	late_end = set; late_end_epoch = n; late_end_nonce = m

/* mark.lua: its end has begun; whoever meets it completes it. */
inline release_mark() {
	DECIDED;
	if
	:: HAS(R.in, x) -> LOG(release_MARKED); at = Conclude;
#ifndef NO_MARK
		PUT(R.marked, x)
#endif
	:: !HAS(R.in, x) -> at = Lookup
	fi
}

/* After a rebuild, this one's or another's. */
inline rebuilt() {
	nonce = 0; seen = 0; part = 0; n = 0; m = 0;
	if
#ifdef NO_RELEASE_AGAIN
	:: releasing_x && known -> at = Idle; answer_released()
#else
	:: releasing_x && known -> at = Free
#endif
	:: releasing_x && !known -> at = Mark
	:: else -> at = Idle
	fi
}

/* reserve.lua: one token more is too many, but the holder's own is not one more. */
#ifdef HANDOVER
#ifdef NO_OWN_SPENT
#define OVERSPENT	(COUNTED(1) + COUNTED(2) + COUNTED(3) >= TOKEN_CAP)
#else
#define OVERSPENT	(!OWN_SPENT(h) && COUNTED(1) + COUNTED(2) + COUNTED(3) >= TOKEN_CAP)
#endif
#endif

proctype Instance() {
	mtype at = Idle;
	byte h, x;		/* for which holder and session */
	byte n; byte m;		/* the epoch it was decided under: number and nonce */
	byte nonce;		/* the rebuild at work */
	byte seen;		/* the active records it read */
	byte part;		/* ... of this part */
	byte gone;		/* sessions whose ends are being recorded */
	bit first;		/* acquire: the seat was taken, not found */
	bit known;		/* acquire: its record is active; release: its end is recorded */
	bit away;		/* the end is of sessions that the ledger did not hold */
	bit beating;		/* the end is a heartbeat's, to be answered */
	bit releasing_x;	/* the request is a release */
	byte i;

	do
	:: atomic {
	if

	/* -------- The first script of each request. Before it nobody can tell
	 * that the request has begun, so both are one step. -------- */

	:: at == Idle ->
		if
		:: h = 1; at = Create
#ifdef NO_ATOMIC_RESERVE
		:: h = 2; at = Create
#else
		:: sessions > 0 -> h = 2; at = Create	/* the first holder is number 1 */
#endif
#if HOLDERS > 2
		:: sessions > 1 -> h = 3; at = Create
#endif
		:: (named & BEATING) != 0 -> pick(x, named & BEATING); h = owner[x]; beating = 1
		:: (named & ~releasing) != 0 -> pick(x, named & ~releasing); h = owner[x]; releasing_x = 1;
			/* From the call on its client is certain no more. */
			PUT(given, x); PUT(releasing, x);
			if
			:: told[h] == x -> told[h] = 0
			:: else
			fi;
			if
			:: anew[3 - _pid] == x -> anew[3 - _pid] = 0
			:: else
			fi
		:: true -> skip
		fi;
		if
		:: !LOADED -> LOG(rebuild_ASKED); ask_rebuild()

		/* reserve.lua */
		:: LOADED && at == Create ->
			DECIDED;
			if
#ifndef NO_CLOCK_RESERVE
			:: !CLOCK_RIGHT -> answer_clock()
#define MAY_RESERVE	CLOCK_RIGHT
#else
#define MAY_RESERVE	true
#endif
			:: MAY_RESERVE && R.held[h] != 0 && HAS(LIVE, R.held[h]) ->
				x = R.held[h]; known = HAS(R.recorded, x); LOG(reserve_HELD);
				PUT(lease, x); MAKE_TOKEN(x);
				if
				:: HAS(given & ~releasing, x) -> anew[_pid] = x
				:: else
				fi;
				if
				:: !known -> R.touched = R.touched | (BIT(x) & young)
				:: else
				fi;
				EVENT(11)
			:: MAY_RESERVE && !(R.held[h] != 0 && HAS(LIVE, R.held[h])) ->
				if
				:: COUNT(LIVE) >= SEATS -> LOG(reserve_FULL); at = Idle
#ifdef HANDOVER
				:: COUNT(LIVE) < SEATS && OVERSPENT && (R.in & ~LIVE) == 0 ->
					LOG(reserve_OVERSPENT); EVENT(23); at = Idle;
					PROMISE(locked_out, !OWN_SPENT(h))
				:: COUNT(LIVE) < SEATS && OVERSPENT && (R.in & ~LIVE) != 0 ->	/* they are ended first */
					gone = R.in & ~LIVE; R.marked = R.marked | gone;
					LOG(reserve_STALE); end_only()
#endif
				:: else -> find_stale();
					if
#ifdef NO_END_FIRST
					/* Evicted here; their record ends some other day. */
					:: gone != 0 -> remove_ended(); gone = 0
#else
					:: gone != 0 -> LOG(reserve_STALE); EVENT(3); end_only()
#endif
					:: else
					fi
				fi;
				if
#ifdef NO_ATOMIC_RESERVE
				:: at == Create -> at = Insert	/* counted here, inserted in the next script */
#else
				:: at == Create -> insert()
#endif
				:: else
				fi
			fi

		/* heartbeat.lua; that its answer is lost changes nothing here */
		:: LOADED && beating ->
			DECIDED;
			if
#ifdef NO_LIVING_BEAT
			:: HAS(R.in, x) -> PUT(R.live, x); DROP(R.marked, x);
#elif defined(NO_MARK_STAYS)
			:: HAS(R.in & ~(R.live & ~R.marked), x) && !HAS(R.live, x) -> LOG(beat_EXPIRED); PUT(R.marked, x); gone = BIT(x); at = End
			:: HAS(R.in & R.live, x) -> DROP(R.marked, x);
#elif defined(NO_CLOCK_BEAT)
			:: HAS(R.in & ~LIVE, x) -> LOG(beat_EXPIRED); PUT(R.marked, x); gone = BIT(x); at = End
			:: HAS(R.in & LIVE, x) ->
#else
			/* While the clock is wrong nobody is called expired by it. */
			:: HAS(R.in & (R.marked | (CLOCK_RIGHT -> ~R.live : 0)), x) -> LOG(beat_EXPIRED); gone = BIT(x); at = End;
#ifndef NO_STATE_BEAT
				PUT(R.marked, x)
#endif
			:: HAS(R.in & ~R.marked & (CLOCK_RIGHT -> R.live : 255), x) ->
#endif
				LOG(beat_OK);
				PUT(lease, x); PUT(R.live, x); PUT(R.recorded, x);
				if
				:: CLOCK_RIGHT -> MAKE_TOKEN(x)
				:: else
				fi;
				PROMISE(resurrected, !HAS(over, x));
				if
				:: losses < LOSSES -> EVENT(13)
				:: else
				fi;
				if
				:: !CLOCK_RIGHT -> EVENT(21)
				:: else
				fi
			:: !HAS(R.in, x) -> LOG(beat_UNKNOWN); at = Displaced
			fi

		/* mark.lua */
		:: LOADED && releasing_x -> release_mark()

		/* visit.lua */
		:: LOADED && at == Idle && !beating && !releasing_x ->
			DECIDED;
			if
#ifdef NO_CLOCK_VISIT
			:: (R.in & ~LIVE) != 0 ->
#else
			:: !CLOCK_RIGHT -> answer_clock()
			:: CLOCK_RIGHT && (R.in & ~LIVE) != 0 ->
#endif
				gone = R.in & ~LIVE; LOG(visit_MARKED); at = End;
#ifndef NO_STATE_VISIT
				R.marked = R.marked | gone
#endif
#if SWEEP
			:: at = Sweep
#endif
			:: true -> skip
			fi
		fi

	/* ---------------- Acquire ---------------- */

#ifdef NO_ATOMIC_RESERVE
	:: at == Insert -> DECIDED; at = Create; insert()
#endif

	:: at == Create ->	/* record.Create: one transaction */
#ifdef NO_RECORD_FIRST
		answer_granted();
#endif
#ifdef NO_HELD_CREATE
		known = known | !first;
#endif
		if
		:: known -> at = Issue
		:: !known && DIES
		:: !known && faults > 0 && late_create == 0 ->	/* it may land later, or never */
			faults--; LOG(create_UNKNOWN); late_create = x; late_epoch = n; late_nonce = m; at = Idle
		:: !known && faults > 0 ->			/* certain that nothing was written, or refused */
			faults--; LOG(create_REFUSED);
			if
			:: !first -> at = Idle
			:: first -> at = Withdraw
			:: first -> at = GiveBack
			fi
		:: !known && CREATE_FENCED(n, m) -> LOG(create_FENCED); EVENT(5); at = Forget
		:: !known && !CREATE_FENCED(n, m) ->
			if
			:: (actives | ended) & SAME_DOCUMENT(x) -> at = ReadBack
			:: else -> LOG(create_ACTIVE); put_active(x); at = Issue
			fi
		fi

	:: at == ReadBack ->	/* there was a document: which? */
		if
		:: HAS(actives, x) -> LOG(create_EXISTS); at = Issue
		:: else ->
#ifdef ONE_DOCUMENT_PER_HOLDER
			LOG(create_ACTIVE); put_active(x); at = Issue
#else
			LOG(create_BURIED); EVENT(14); at = Bury
#endif
		fi

	:: at == Bury ->	/* remove.lua, rule session: its record has ended, its seat is free */
		if
		:: DIES
		:: !LOADED -> ask_rebuild()
		:: LOADED -> take(x); at = Idle
		fi

	:: at == Issue ->	/* sign, answer */
		if
		:: DIES
		:: faults > 0 -> faults--; LOG(sign_FAILED);
			if
			:: first -> at = GiveBack
			:: else -> at = Idle
			fi
		:: true -> answer_granted(); at = Idle;
			if
			:: n > 1 && losses < LOSSES && first -> EVENT(1)
			:: else
			fi
		fi

	:: at == Withdraw ->	/* remove.lua, rule grant: nothing was recorded nor will be */
		at = Idle;
#ifndef NO_COMPENSATION
		if
#ifdef NO_ATTEMPTS
		:: LOADED && HAS(R.in, x) -> take(x)
#else
		:: LOADED && HAS(R.in & ~R.touched & ~R.recorded & ~R.marked, x) -> LOG(give_BACK); EVENT(15); NO_TOKEN(x); take(x)
#endif
		:: else
		fi;
#endif
		PROMISE(seat_lost, !LOADED || !HAS(R.live & ~R.marked & ~R.touched, x))

	:: at == GiveBack ->	/* mark.lua with the count of attempts, then end */
		at = Idle;
#ifndef NO_COMPENSATION
		if
#ifdef NO_ATTEMPTS
		:: LOADED && HAS(R.in, x) ->
#else
		:: LOADED && HAS(R.in & ~R.touched, x) ->
#endif
			LOG(give_BACK); NO_TOKEN(x);
			PUT(R.marked, x); gone = BIT(x); end_only()
		:: else
		fi;
#endif
		PROMISE(seat_lost, at == End || !LOADED || !HAS(R.live & ~R.marked & ~R.touched, x))

	/* ---------------- End ---------------- */

	:: at == End ->		/* record.End: one transaction */
		if
		:: DIES
		:: faults > 0 && late_end == 0 && !away -> faults--; LOG(end_UNKNOWN); GIVE_UP_END(gone); at = Idle
		:: END_FENCED(n, m) -> LOG(end_FENCED); EVENT(6); at = Forget
		:: !END_FENCED(n, m) -> LOG(end_RECORDED);
			if
			:: !away -> NOTE_TOKENS(gone)
			:: else
			fi;
			put_ended(gone, away); at = Remove
		fi

	:: at == Remove ->	/* remove.lua, rule ended */
		if
		:: DIES
		:: !LOADED -> ask_rebuild()
		:: LOADED -> remove_ended(); LOG(remove_EXPIRED); at = Idle;
			if
			:: beating -> answer_ended()
			:: else
			fi
		fi

	:: at == Forget ->	/* forget.lua: the next script rebuilds */
		if
		:: DIES
		:: true ->
			if
			:: releasing_x -> at = Mark
			:: else -> at = Idle
			fi;
			if
#ifndef NO_FORGET
			:: LOADED && R.eepoch == n -> LOG(forget_EPOCH); R.erun = 0; R.erepl = 0; close(); EVENT(7)
#endif
			:: else
			fi;
			fences++;
			PROMISE(fenced_for_ever, fences <= 2 + FAULTS)
		fi

	/* ---------------- Heartbeat ---------------- */

	:: at == Displaced ->	/* unknown to the ledger: the record decides */
		if
		:: HAS(actives, x) -> gone = BIT(x); away = 1; EVENT(18); at = End
		:: HAS(ended, x) -> at = Idle; answer_ended()
		:: !HAS(actives | ended, x) -> at = Idle; LOG(answer_UNKNOWN);
			PROMISE(thrown_out, FORGOTTEN(x) || !(told[h] == x && HAS(lease, x)))
		fi

	/* ---------------- Release ---------------- */

	:: at == Mark ->	/* release anew: mark.lua */
		if
		:: !LOADED -> ask_rebuild()
		:: LOADED -> release_mark()
		fi

	:: at == Lookup ->	/* unknown to the ledger: the record decides */
		if
		:: HAS(actives, x) -> LOG(release_UNKNOWN); at = EndUnknown
		:: HAS(ended, x) -> answer_released(); at = Idle
		:: !HAS(actives | ended, x) -> at = Idle
		fi

	:: at == EndUnknown ->	/* record.End */
		if
		:: DIES
		:: faults > 0 && late_end == 0 -> faults--; LOG(end_UNKNOWN); GIVE_UP_END(BIT(x)); at = Idle
		:: RELEASE_FENCED -> at = Forget
		:: !RELEASE_FENCED -> LOG(end_RECORDED); put_ended(BIT(x), false); known = 1; at = Free
		fi

	:: at == Conclude ->	/* record.End; what is not recorded stays marked, and is released all the same */
		if
		:: DIES
		:: faults > 0 -> faults--; LOG(end_NOT_WRITTEN); EVENT(8); at = Idle; answer_missed()
		:: faults > 0 && late_end == 0 -> faults--; LOG(end_UNKNOWN); GIVE_UP_END(BIT(x)); at = Idle; answer_missed()
		:: RELEASE_FENCED -> at = Forget
		:: !RELEASE_FENCED -> LOG(end_RECORDED); NOTE_TOKENS(BIT(x)); put_ended(BIT(x), false); known = 1; at = Free
		fi

	:: at == Free ->	/* remove.lua, rule session */
		if
		:: DIES
		:: !LOADED -> ask_rebuild()
		:: LOADED -> at = Idle;
			if
#ifdef NO_BY_SESSION
			:: R.held[h] != 0 -> gone = R.held[h]; take(gone)	/* whatever its holder has */
#endif
			:: HAS(R.in, x) -> take(x)
			:: else
			fi;
			answer_released()
		fi

	/* ---------------- Reap ---------------- */

#if SWEEP
	:: at == Sweep ->	/* record.ActiveSessions */
		LOG(sweep_READ); seen = actives; at = Known

	:: at == Known ->	/* known.lua */
		if
		:: !LOADED -> seen = 0; ask_rebuild()
		:: LOADED -> gone = seen & ~R.in; DECIDED;
			if
			:: gone != 0 -> away = 1; EVENT(19); at = End
			:: else -> at = Idle
			fi;
			seen = 0
		fi
#endif

	/* ---------------- Rebuild ---------------- */

	:: at == Open ->	/* record.OpenEpoch: one transaction */
		at = Read;
		if
		:: DIES
#ifdef NO_NONCE_ONCE
		:: epoch < EPOCHS -> epoch++; last_nonce = nonce
		:: epoch == EPOCHS -> at = Idle
#else
		:: last_nonce == nonce -> skip
		:: last_nonce != nonce && epoch < EPOCHS -> last_nonce = nonce; epoch++
		:: last_nonce != nonce && epoch == EPOCHS -> at = Idle
#endif
		fi;
		n = epoch; LOG(rebuild_OPENED);
#if RESTORES == 0
		PROMISE(rebuild_storm, losses < LOSSES || epoch <= 1)
#endif

	:: at == Read ->	/* record.ActiveSessions of one part; which are staged already is in the ledger */
		if
		:: R.parts == 3 -> at = Load
		:: R.parts != 3 -> LOG(rebuild_READ); at = Stage;
			part = (R.parts & 1) + 1;
			seen = actives & (part == 1 -> 5 : 10)
		fi

	:: at == Stage ->	/* stage.lua */
		if
		:: DIES
#ifdef NO_NONCE_CHECK
		:: true ->
#else
		:: !(R.n == nonce && HERE(R.nrun, R.nrepl)) -> LOG(rebuild_LOST); EVENT(12); rebuilt()
		:: R.n == nonce && HERE(R.nrun, R.nrepl) ->
#endif
			LOG(rebuild_STAGED); at = Read;
			R.staged[n] = R.staged[n] | seen;
#ifndef NO_MARK_STAGE
			R.ending[n] = R.ending[n] | (seen & R.marked);
#endif
			R.parts = R.parts | part;
			seen = 0; part = 0
		fi

	:: at == Load ->	/* load.lua */
		if
		:: DIES
#ifdef NO_NONCE_CHECK
		:: true ->
#else
		:: !(R.n == nonce && HERE(R.nrun, R.nrepl)) -> LOG(rebuild_LOST); EVENT(12); rebuilt()
		:: R.n == nonce && HERE(R.nrun, R.nrepl) ->
#endif
			LOG(rebuild_LOADED); switch_generation();
			if
			:: n > 1 -> EVENT(4)
			:: else
			fi;
			rebuilt()
		fi

	fi;

	/* -------- After every step -------- */

	if
	:: at == Idle ->	/* nothing is kept between requests */
		forget_grant();
		if
		:: releasing_x -> DROP(releasing, x)
		:: else
		fi;
		h = 0; x = 0; n = 0; m = 0; nonce = 0; seen = 0; part = 0; gone = 0;
		known = 0; away = 0; beating = 0; releasing_x = 0
	:: else
	fi;
	look()
	}
	od
}

/* ---- Time, and the adversary ----------------------------------------------- */

/* A release that was acknowledged while the record was away is taken back by a
 * loss before it is recorded: its seat stays taken for a TTL, and is not sold. */
inline lose(new_run, new_repl) {
	losses--; printf("Redis is lost: now run_id %d, replid %d\n", new_run, new_repl);
	server = new_run; history = new_repl;
	over = over & (ended | R.marked);
	if
	:: !LOADED -> close()
	:: else
	fi
}

#if STALE_LOSS || BACK_LOSS
inline copy(to, src) {
	to.erun = src.erun; to.erepl = src.erepl; to.eepoch = src.eepoch; to.enonce = src.enonce;
	to.n = src.n; to.nrun = src.nrun; to.nrepl = src.nrepl;
	to.in = src.in; to.live = src.live; to.marked = src.marked; to.recorded = src.recorded; to.touched = src.touched;
	for (i : 1 .. HOLDERS) { to.held[i] = src.held[i] }
	for (i : 0 .. EPOCHS) { to.staged[i] = src.staged[i]; to.ending[i] = src.ending[i] }
	to.parts = src.parts;
#ifdef HANDOVER
	to.spent = src.spent;
#endif
	i = 0
}
#endif

inline wipe(it) {
	it.erun = 0; it.erepl = 0; it.eepoch = 0; it.enonce = 0; it.n = 0; it.nrun = 0; it.nrepl = 0;
	it.in = 0; it.live = 0; it.marked = 0; it.recorded = 0; it.touched = 0;
	for (i : 1 .. HOLDERS) { it.held[i] = 0 }
	for (i : 0 .. EPOCHS) { it.staged[i] = 0; it.ending[i] = 0 }
	it.parts = 0;
#ifdef HANDOVER
	it.spent = 0;
#endif
	i = 0
}

proctype World() {
	byte s, i;

	do
	/* A holder's time runs out, by its own knowledge; then its session may
	 * expire, by Redis. Before, it may not: a holder knows when its session ends. */
	:: atomic { lease != 0 -> pick(s, lease); DROP(lease, s); printf("time: the lease of session %d is over\n", s); s = 0 }
#ifdef NO_SERVER_CLOCK
	:: atomic { R.live != 0 -> pick(s, R.live); DROP(R.live, s); printf("time: session %d expires\n", s); s = 0 }
#else
	:: atomic { (R.live & ~lease) != 0 -> pick(s, R.live & ~lease); DROP(R.live, s); printf("time: session %d expires\n", s); s = 0 }
#endif

#ifdef HANDOVER
	/* The last token of a session ends, and Redis knows. */
	:: atomic { tok != 0 -> pick(s, tok); DROP(tok, s); DROP(R.spent, s); printf("time: the tokens of session %d are over\n", s); s = 0 }
#endif

#if CLOCKS
	/* The clock of Redis steps so far that a caller sees it, and back; or a little back,
	 * within what nobody can see: then what had expired lives again. */
	:: atomic { steps > 0 && clock == right -> steps--; clock = ahead; printf("time: the clock steps ahead\n") }
	:: atomic { steps > 0 && clock == right -> steps--; clock = behind; printf("time: the clock steps back\n") }
	:: atomic { clock != right -> clock = right; printf("time: the clock is right again\n") }
	:: atomic { steps > 0 && clock == right && (R.in & ~R.live) != 0 -> steps--; R.live = R.in; printf("time: the clock steps back a little\n") }
#endif

#if RESTORES
	:: atomic { restores > 0 && !saved -> saved = 1;
		saved_epoch = epoch; saved_actives = actives; saved_ended = ended; saved_displaced = displaced }
	/* An operator puts it back with its nonces struck out, and has the ledger forgotten.
	 * (In a database of another name, which is the usual way, old writes do not land at all.) */
	:: atomic { restores > 0 && saved -> restores--; saved = 0; printf("the record is put back\n"); EVENT(22);
		forgotten = forgotten | ((actives | ended) & ~saved_actives) | (ended & ~saved_ended);
		epoch = saved_epoch; last_nonce = STRUCK_OUT; actives = saved_actives; ended = saved_ended; displaced = saved_displaced;
		saved_epoch = 0; saved_actives = 0; saved_ended = 0; saved_displaced = 0;
		over = over & ended;
		R.erun = 0; R.erepl = 0; close();
		/* Whose session was granted or ended since is outside of the promises. */
		for (i : 1 .. HOLDERS) {
			if
			:: told[i] != 0 && HAS(forgotten, told[i]) -> told[i] = 0
			:: else
			fi
		}
		i = 0
	}
#endif

#if EMPTY_LOSS
	:: atomic { losses > 0 -> wipe(R); lose(server + 1, history + 1) }
#endif

#if STALE_LOSS || BACK_LOSS
	:: atomic { losses > 0 && !lagging -> lagging = 1; copy(replica, R) }
	:: atomic { lagging && losses > 0 -> lagging = 0; copy(R, replica); wipe(replica);
		if
#if STALE_LOSS
		:: EVENT(16); lose(server + 1, history + 1)
#endif
#if BACK_LOSS
		:: EVENT(17); lose(server, history + 1)
#endif
		fi
	}
#endif

	/* What was given up on lands after all, under the same conditions. */
	:: atomic { late_create != 0 ->
		if
		:: !CREATE_FENCED(late_epoch, late_nonce) && !((actives | ended) & SAME_DOCUMENT(late_create)) -> put_active(late_create); EVENT(9); printf("late create of %d lands\n", late_create)
		:: !CREATE_FENCED(late_epoch, late_nonce) && HAS(ended, late_create) -> EVENT(10)
		:: else
		fi;
		late_create = 0; late_epoch = 0; late_nonce = 0
	}
	:: atomic { late_end != 0 ->
		if
		:: !END_FENCED(late_end_epoch, late_end_nonce) -> NOTE_TOKENS(late_end); put_ended(late_end, false); look(); printf("late end lands\n")
		:: else
		fi;
		late_end = 0; late_end_epoch = 0; late_end_nonce = 0
	}
	od
}

init {
	atomic { run Instance(); run Instance(); run World() }
}

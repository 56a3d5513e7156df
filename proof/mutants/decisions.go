package main

import "slices"

// decisions are the guards that were added to the protocol's; the architecture
// page gives their reasons.
func decisions() []guard {
	return slices.Concat(generations(), rebuilders(), marks(), attempts(), debts(), index(), shards())
}

func generations() []guard {
	return []guard{
		{
			name:    "generations",
			keeps:   "keys carry their generation, and an instance that remembers an old one is corrected",
			without: "after a rebuild each instance counts seats of its own",
			mutants: []mutant{
				{
					name:  "not corrected",
					edits: []edit{script("prelude", "if n ~= ARGV[1] then return {MOVED, n} end\n", "")},
					test:  seatsTest("TestGuardAnotherInstancesRebuild"),
				},
				{
					name:  "the living one cleared",
					edits: []edit{script("load", "redis.call('SREM', KEYS[3], ARGV[1])\n", "")},
					test:  ledgerContract("Rebuild/a dead generation is cleared"),
				},
				{
					name:  "an unfinished one kept",
					edits: []edit{script("stage", "redis.call('SADD', KEYS[7], ARGV[1])\n", "")},
					test:  ledgerContract("Rebuild/an unfinished rebuild is cleared"),
				},
			},
		},
		{
			name:    "recorded-per-epoch",
			keeps:   "what an instance knows to be recorded it knows for one epoch",
			without: "a rebuild brings back a session that has ended, and acquire answers with it",
			mutants: []mutant{
				{
					name:  "cache",
					edits: []edit{pool("acquire", "ok && epoch == hold.Epoch", "ok && epoch > 0")},
					test:  seatsTest("TestGuardRecordedIsPerEpoch"),
				},
				{
					name:  "ledger",
					edits: []edit{pool("decode", `strconv.FormatInt(epoch*GrantsPerEpoch, 10), "0", "",`, `strconv.FormatInt(epoch*GrantsPerEpoch, 10), "1", "",`)},
					test:  ledgerContract("Rebuild/no count of requests from before"),
				},
			},
		},
		{
			name:    "sent-once",
			keeps:   "a reservation is sent to Redis at most once per session id",
			without: "bytes of an abandoned connection arrive late and bring back a released session",
			mutants: []mutant{
				{
					name:  "client repeats",
					edits: []edit{pool("redis", "NoRetry() bool { return true }", "NoRetry() bool { return false }")},
					test:  seatsTest("TestReserveIsSentOncePerID"),
				},
				{
					name:  "as any other",
					edits: []edit{pool("redis", "		once:   true,\n", "")},
					test:  seatsTest("TestReserveIsSentOncePerID"),
				},
			},
		},
	}
}

func rebuilders() []guard {
	return []guard{
		{
			name:    "one-rebuilder",
			keeps:   "one process rebuilds while the others wait, as long as it shows signs of life",
			without: "after a loss hundreds of instances read the whole record; or nobody follows one that died",
			mutants: []mutant{
				{
					name:  "everybody",
					edits: []edit{script("claim", "tonumber(ends) > now then return {OK, 0} end", "false then return {OK, 0} end")},
					test:  ledgerContract("Rebuild/one process has the lease"),
				},
				{
					name:  "a lease for ever",
					edits: []edit{script("claim", "tonumber(ends) > now then return {OK, 0} end", "true then return {OK, 0} end")},
					test:  ledgerContract("Rebuild/one process has the lease"),
				},
				{
					name:  "no sign of life",
					edits: []edit{script("stage", "if of == ARGV[3] then redis.call('SET', KEYS[8]", "if false then redis.call('SET', KEYS[8]")},
					test:  ledgerContract("Rebuild/one process has the lease"),
				},
				{
					name:  "an owner does not know its own",
					edits: []edit{script("claim", " and by ~= owner", "")},
					test:  ledgerContract("Rebuild/one process has the lease"),
				},
				{
					name:  "kept after a failure",
					edits: []edit{pool("rebuild", "_ = p.ledger.Disclaim(ctx, caller, nonce, owner)", "_ = ctx")},
					test:  seatsTest("TestARebuildThatFailed"),
				},
			},
		},
	}
}

func marks() []guard {
	return []guard{
		{
			name:    "mark-before-end",
			keeps:   "an end on request begins in the ledger, before it is recorded",
			without: "an acquire answers with the session whose end is on its way to the record",
			mutants: []mutant{
				{
					name:  "no mark",
					edits: []edit{script("mark", "if expiry > now then", "if false then")},
					test:  ledgerContract("Mark/ends a living session at once"),
				},
				{
					name:  "the last mark stays",
					edits: []edit{script("mark", "if expiry > now then", "if true then")},
					test:  ledgerContract("Mark/the first mark stays"),
				},
				{
					name:  "not found by its license",
					edits: []edit{script("mark", "  redis.call('ZADD', KEYS[6], digits(now), session)\n", "")},
					test:  ledgerContract("Mark/frees its license at any size"),
				},
				{
					name: "recorded before",
					edits: []edit{pool("release", "	hold, err := p.ledger.Mark(ctx, caller, mark)\n", `	if s, err := p.record.Session(ctx, caller, mark.SessionID); err == nil && s.UserID == mark.UserID && s.Status == license.SessionActive {
		s.EndedAt, s.EndedReason = s.AcquiredAt, mark.Own
		_ = p.record.EndNow(ctx, caller, 0, ended(Hold{Session: s}))
	}
	hold, err := p.ledger.Mark(ctx, caller, mark)
`)},
					test: seatsTest("TestGuardMarkBeforeEnd"),
				},
			},
		},
		{
			name:    "release-fenced",
			keeps:   "a release's end holds in the epoch of its mark alone",
			without: "a rebuild brings the session back beside an ended record: the next loss oversells",
			mutants: []mutant{{
				edits: []edit{pool("release", "EndNow(ctx, caller, hold.Epoch, ended(hold))", "EndNow(ctx, caller, 0, ended(hold))")},
				test:  seatsTest("TestGuardReleaseFencedByEpoch"),
			}},
		},
		{
			name:    "ends-carry-the-ledgers-times",
			keeps:   "an end is at the time the ledger says, so that a repeat writes the same",
			without: "each repeat moves the end of a session",
			mutants: []mutant{{
				edits: []edit{pool("decode", "h.EndedAt = h.ExpiresAt // repeating", "h.EndedAt = time.Now() // repeating")},
				test:  ledgerContract("Beat/the dead stay dead"),
			}},
		},
	}
}

func attempts() []guard {
	return []guard{{
		name:    "attempts",
		keeps:   "a failed grant is given back only if no other request has answered with it",
		without: "a holder's second request is told of a seat that its first one takes away",
		mutants: []mutant{
			{
				name:  "not counted",
				edits: []edit{script("reserve", "if held ~= session and s.recorded == '0' then", "if false then")},
				test:  ledgerContract("Remove/only while nobody else answers"),
			},
			{
				name:  "a repeat tells the latest",
				edits: []edit{script("reserve", "held == session and 1 or tonumber(s.grant)", "tonumber(s.grant)")},
				test:  ledgerContract("Reserve/a repeat tells its own attempt"),
			},
			{
				name:  "counted alike in every epoch",
				edits: []edit{pool("decode", "strconv.FormatInt(epoch*GrantsPerEpoch, 10)", "strconv.FormatInt(min(1, epoch), 10)")},
				test:  ledgerContract("Rebuild/no count of requests from before"),
			},
			{
				name:  "mark does not look",
				edits: []edit{script("mark", "if grant ~= '0' and s.grant ~= grant then return {TOUCHED} end\n", "")},
				test:  ledgerContract("Mark/only while nobody else answers"),
			},
			{
				name:  "remove does not look",
				edits: []edit{script("remove", "return s.grant == grant and", "return")},
				test:  ledgerContract("Remove/only while nobody else answers"),
			},
			{
				name:  "remove takes what was told",
				edits: []edit{script("remove", " and s.recorded == '0'", "")},
				test:  ledgerContract("Remove/not what was told or marked"),
			},
			{
				name:  "unsigned, whoever answered",
				edits: []edit{pool("acquire", ", Grant: hold.Grant,", ",")},
				test:  seatsTest("TestAFailedGrantSparesTheSecondRequest/same ledger"),
			},
			{
				name:  "unrecorded, whoever answered",
				edits: []edit{pool("acquire", "p.ledger.Remove(ctx, caller, IfUntouched, hold)", "p.ledger.Remove(ctx, caller, BySession, hold)")},
				test:  seatsTest("TestAWithdrawnGrantSparesTheSecondRequest"),
			},
			{
				name:  "taken back on a doubt",
				edits: []edit{record("outcome", "!o.watched || o.attempts > o.refused", "!o.watched")},
				test:  test{pkg: "shared/record", name: "TestVerdicts"},
			},
		},
	}}
}

func debts() []guard {
	return []guard{
		{
			name:    "owed-ends",
			keeps:   "a release the record missed is kept, and its end recorded by the reaper",
			without: "an acknowledged release is undone by the next rebuild",
			mutants: []mutant{
				{
					name:  "not kept",
					edits: []edit{pool("release", "how = Owing //", "how = BySession //")},
					test:  seatsTest("TestOwedReleaseStaysReleased/ledger kept"),
				},
				{
					name:  "rebuilt all the same",
					edits: []edit{script("stage", "if redis.call('HEXISTS', owed, session) == 0 then", "if true then")},
					test:  ledgerContract("Rebuild/an owed end stays out"),
				},
				{
					name:  "forgotten before recorded",
					edits: []edit{pool("reap", "	for _, h := range v.Owed {\n", "	for _, h := range v.Owed {\n		_ = p.ledger.Repaid(ctx, caller, h.ID)\n")},
					test:  seatsTest("TestOwedReleaseStaysReleased/ledger kept"),
				},
				{
					name:  "never repaid",
					edits: []edit{script("repaid", "n = n + redis.call('HDEL', KEYS[3], ARGV[i])", "n = n + 1")},
					test:  ledgerContract("Remove/owed ends are listed until repaid"),
				},
			},
		},
		{
			name:    "sweep-spares-the-young",
			keeps:   "a sweep ends only records older than a session TTL",
			without: "a grant whose record was just written is ended",
			mutants: []mutant{{
				edits: []edit{pool("reap", "h.Known[i] || s.AcquiredAt.Add(p.opts.SessionTTL).After(h.Now)", "h.Known[i]")},
				test:  seatsTest("TestSweepEndsWhatTheLedgerForgot"),
			}},
		},
	}
}

func index() []guard {
	return []guard{
		{
			name:    "noted-first",
			keeps:   "an organization is in the reaper's index before a seat of it is taken",
			without: "a process dies, and the reaper never looks",
			mutants: []mutant{
				{
					name: "acquire",
					edits: []edit{pool("acquire", "	if err := p.note(ctx, caller.OrganizationID); err != nil {\n		return Hold{}, err\n	}\n", `	defer func() { _ = p.note(ctx, caller.OrganizationID) }()
`)},
					test: seatsTest("TestGuardNotedBeforeTaken"),
				},
				{
					name:  "rebuild",
					edits: []edit{pool("rebuild", "p.ledger.Note(ctx, false, caller.OrganizationID)", "error(nil)")},
					test:  seatsTest("TestALossPutsTheOrganizationBackIntoTheIndex"),
				},
				{
					name:  "skipped for longer than a TTL",
					edits: []edit{pool("pool", "p.opts.SessionTTL/4", "p.opts.SessionTTL*4")},
					test:  seatsTest("TestNotedEveryQuarterTTL"),
				},
				{
					name:  "the bound is raised",
					edits: []edit{script("note", "'LT', ", "")},
					test:  ledgerContract("Index/noting only ever lowers the bound"),
				},
			},
		},
		{
			name:    "two-step-idle",
			keeps:   "an organization leaves the index only after a whole TTL without sessions",
			without: "an instance that skips noting takes a seat nobody looks after",
			mutants: []mutant{
				{
					name:  "at once",
					edits: []edit{script("settle", "if since and tonumber(since) + ttl <= as_of then", "if true then")},
					test:  ledgerContract("Index/leaves after a whole idle TTL"),
				},
				{
					name:  "a note does not count",
					edits: []edit{script("note", "  redis.call('ZREM', KEYS[2], ARGV[i])\n", "")},
					test:  ledgerContract("Index/a note in between keeps it"),
				},
				{
					name:  "a session does not count",
					edits: []edit{script("settle", "if earliest > 0 then\n  redis.call('ZREM', idle, organization)\n", "if earliest > 0 then\n")},
					test:  ledgerContract("Index/a session in between keeps it"),
				},
			},
		},
	}
}

func shards() []guard {
	return []guard{
		{
			name:    "fresh-shard",
			keeps:   "an index that was not filled on this very server is filled by the reaper",
			without: "after a loss nobody rebuilds, nor reaps, an organization without traffic",
			mutants: []mutant{
				{
					name:  "not told",
					edits: []edit{script("due", "if redis.call('GET', KEYS[2]) ~= id then return {1, id} end\n", "")},
					test:  ledgerContract("Index/a fresh shard says so until seeded"),
				},
				{
					name:  "not noticed",
					edits: []edit{{"functions/reaper/run.go", "		if due.Fresh {\n", "		if false {\n"}},
					test:  functionsTest("TestALossWithoutTraffic"),
				},
				{
					name:  "seeded for another server",
					edits: []edit{script("seed", "if ARGV[1] ~= id then return {0, 0} end\n", "")},
					test:  ledgerContract("Index/of another server changes nothing"),
				},
				{
					name: "seeded before it is filled",
					edits: []edit{{"functions/reaper/run.go", "	if err := r.noteAll(ctx, fresh); err != nil {\n", `	for shard, identity := range fresh {
		_ = r.Ledger.Seeded(ctx, shard, identity)
	}
	if err := r.noteAll(ctx, fresh); err != nil {
`}},
					test: functionsTest("TestTheReaperWithoutTheRecord"),
				},
			},
		},
	}
}

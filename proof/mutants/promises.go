package main

import "slices"

// promises are what customers are promised, as far as no guard above keeps it.
func promises() []guard {
	return slices.Concat(caps(), refusals(), holders(), finality(), tenancy(), losses())
}

func caps() []guard {
	return []guard{
		{
			name:    "never-oversold",
			keeps:   "no more living sessions than the license and the organization have seats",
			without: "seats are sold twice",
			mutants: []mutant{
				{
					name:  "license",
					edits: []edit{script("reserve", "full(0, license, max_license) or ", "")},
					test:  ledgerContract("Reserve/the license's cap"),
				},
				{
					name:  "organization",
					edits: []edit{script("reserve", " or full(1, all, max_organization)", "")},
					test:  ledgerContract("Reserve/the organization's cap"),
				},
				{
					name:  "a lowered limit",
					edits: []edit{script("reserve", "if used < max then return nil end", "if used ~= max then return nil end")},
					test:  ledgerContract("Reserve/lowered caps refuse and end nobody"),
				},
			},
		},
		{
			name:    "lowering-ends-nobody",
			keeps:   "lowering a limit refuses new grants and ends nobody",
			without: "a sales change throws programs out",
			mutants: []mutant{
				{
					name:  "renewal refused",
					edits: []edit{script("reserve", "> now then\n  local s = unpack", "> now and redis.call('ZCARD', license) <= max_license then\n  local s = unpack")},
					test:  ledgerContract("Reserve/lowered caps refuse and end nobody"),
				},
				{
					name:  "the living named",
					edits: []edit{script("reserve", "redis.call('ZRANGEBYSCORE', set, '-inf', digits(now), 'LIMIT'", "redis.call('ZRANGEBYSCORE', set, digits(now), '+inf', 'LIMIT'")},
					test:  ledgerContract("Stale/the living are never named"),
				},
			},
		},
		{
			name:    "no-lost-seat",
			keeps:   "a released seat is free at once, an expired one at the next acquire",
			without: "seats wait for the reaper",
			mutants: []mutant{
				{
					name:  "the expired count",
					edits: []edit{script("reserve", "local used = redis.call('ZCOUNT', set, alive, '+inf')", "local used = redis.call('ZCARD', set)")},
					test:  ledgerContract("Stale/an expired session stands in the way"),
				},
				{
					name: "released, not removed",
					edits: []edit{pool("release", "		_, err := p.ledger.Remove(ctx, caller, how, hold)\n", `		var err error
`)},
					test: seatsTest("TestGuardASecondReleaseChangesNothing"),
				},
				{
					name:  "the license keeps it",
					edits: []edit{script("remove", "    redis.call('ZREM', KEYS[i], session)\n", "")},
					test:  ledgerContract("Reserve/a removed seat is free at once"),
				},
			},
		},
	}
}

func holders() []guard {
	return []guard{{
		name:    "same-holder-same-session",
		keeps:   "a holder's repeated acquire finds the session it has, also when all seats are taken",
		without: "a retry takes a second seat, or is refused the one it holds",
		mutants: []mutant{
			{
				name:  "not looked for",
				edits: []edit{script("reserve", "local held = redis.call('HGET', holders, holder)", "local held = false")},
				test:  ledgerContract("Reserve/the same holder has one seat"),
			},
			{
				name:  "when full",
				edits: []edit{script("reserve", "> now then\n  local s = unpack", "> now and redis.call('ZCARD', license) < max_license then\n  local s = unpack")},
				test:  ledgerContract("Reserve/the same holder when full"),
			},
			{
				name:  "after a rebuild",
				edits: []edit{script("stage", "    redis.call('HSET', KEYS[i + 1], holder, session)\n", "")},
				test:  ledgerContract("Rebuild/exactly the staged, with a full TTL"),
			},
		},
	}}
}

func finality() []guard {
	return []guard{
		{
			name:    "ended-before-told",
			keeps:   "an end is recorded before anyone is told of it",
			without: "a loss brings back a session after its 410",
			mutants: []mutant{
				{
					name:  "expired",
					edits: []edit{pool("heartbeat", "p.end(ctx, caller, []Hold{expired.Hold})", "error(nil)")},
					test:  seatsTest("TestNoResurrection"),
				},
				{
					name:  "displaced",
					edits: []edit{pool("heartbeat", "p.end(ctx, caller, []Hold{hold})", "ctx.Err()")},
					test:  seatsTest("TestDisplacedSessionsAreEnded"),
				},
			},
		},
		{
			name:    "release-once",
			keeps:   "a second release changes nothing",
			without: "the record of an ended session is written anew",
			mutants: []mutant{
				{
					name:  "recorded as ended",
					edits: []edit{pool("release", "err != nil || s.Status == license.SessionEnded {", "err != nil {")},
					test:  seatsTest("TestGuardASecondReleaseChangesNothing"),
				},
				{
					name:  "owed",
					edits: []edit{script("mark", "  if debt then return {GONE, debt} end\n", "")},
					test:  ledgerContract("Remove/owed ends are no sessions"),
				},
			},
		},
	}
}

func tenancy() []guard {
	return []guard{
		{
			name:    "organizations-apart",
			keeps:   "nothing crosses organizations: every key and path begins at the caller's own",
			without: "one customer's ids reach another's sessions",
			mutants: []mutant{
				{
					name:  "ledger",
					edits: []edit{pool("keys", `return k.prefix + ":{" + organizationID + "}:" + rest`, `return k.prefix + ":{" + organizationID[:0] + "}:" + rest`)},
					test:  ledgerContract("Tenancy/equal ids of two organizations"),
				},
				{
					name: "twin",
					edits: []edit{
						record("memory", "t, ok := m.organizations[caller.OrganizationID]", `t, ok := m.organizations["all"]`),
						record("memory", "m.organizations[caller.OrganizationID] = t", `m.organizations["all"] = t`),
					},
					test: twin("Tenancy/a stranger's session does not exist"),
				},
				{
					name:  "Firestore",
					edits: []edit{record("paths", "Collection(organizationsCollection).Doc(id)}", `Collection(organizationsCollection).Doc("all")}`)},
					test:  emulator("Tenancy/a stranger's session does not exist"),
				},
				{
					name:  "an id with a slash",
					edits: []edit{record("paths", `!strings.Contains(id, "/") && `, "")},
					test:  emulator("Tenancy/no id leads elsewhere"),
				},
			},
		},
		{
			name:    "users-apart",
			keeps:   "a member's heartbeat and release reach only its own sessions",
			without: "a colleague keeps or ends somebody else's seat",
			mutants: []mutant{
				{
					name:  "heartbeat",
					edits: []edit{script("beat", "if string.sub(s.who, 1, #user + 1) ~= user .. '\\t' then return {FOREIGN} end\n", "")},
					test:  ledgerContract("Beat/another user's"),
				},
				{
					name:  "heartbeat of a lost session",
					edits: []edit{pool("heartbeat", "	case s.UserID != caller.UserID:\n", "	case false:\n")},
					test:  seatsTest("TestDisplacedSessionsAreEnded"),
				},
				{
					name:  "release",
					edits: []edit{script("mark", "  if other_reason == '' then return {FOREIGN} end\n", "")},
					test:  ledgerContract("Mark/another user's"),
				},
				{
					name:  "release of a lost session",
					edits: []edit{pool("release", "	if caller.MayEnd(s.UserID) {\n", "	if true {\n")},
					test:  seatsTest("TestReleaseOfASessionTheLedgerDoesNotHold"),
				},
			},
		},
	}
}

func losses() []guard {
	return []guard{{
		name:    "loss-throws-nobody-out",
		keeps:   "a lost ledger is rebuilt from the active records, each session with a full TTL",
		without: "a failover ends the sessions of programs that heartbeat",
		mutants: []mutant{
			{
				name:  "less than a TTL",
				edits: []edit{script("stage", "local expiry = digits(now + ttl)", "local expiry = digits(now + ttl / 2)")},
				test:  ledgerContract("Rebuild/exactly the staged, with a full TTL"),
			},
			{
				name:  "the license forgotten",
				edits: []edit{script("stage", "    redis.call('ZADD', KEYS[i], expiry, session)\n", "")},
				test:  ledgerContract("Rebuild/of several chunks"),
			},
			{
				name:  "one page of many",
				edits: []edit{record("lists", "len(snapshots) < pageSize {", "len(snapshots) > 0 {")},
				test:  emulator("Lists/many, in batches, while others end"),
			},
			{
				name:  "a doubt ends a session",
				edits: []edit{{"functions/heartbeat/heartbeat.go", "	bought, err := f.Entitlements.Refresh(ctx, caller)\n", "	var err error\n"}},
				test:  functionsTest("TestAStaleCacheEndsNobodysSession"),
			},
		},
	}}
}

func refusals() []guard {
	return []guard{{
		name:    "all-seats-held",
		keeps:   "no seats is answered only if living sessions really hold them all",
		without: "in an outage of the record customers are told to buy more seats",
		mutants: []mutant{{
			edits: []edit{pool("undecided", "for _, other := range a.end(false) {", "for _, other := range a.end(false)[:0] {")},
			test:  seatsTest("TestARefusalWaitsForTheGrantAtWork/record down"),
		}},
	}}
}

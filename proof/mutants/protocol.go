package main

import "slices"

// protocol is the seat protocol's list of guards, row by row.
func protocol() []guard {
	return slices.Concat(lastSeat(), clockAndCount(), incarnation(), nonces(), beforeTheAnswer(), fences(), endings(), removals())
}

func lastSeat() []guard {
	return []guard{
		{
			name:    "one-script",
			keeps:   "count, purge and insert in one script",
			without: "two acquires both see the last seat",
			mutants: []mutant{{
				edits: []edit{
					pool("redis", "func (r *Redis) Reserve(ctx context.Context, caller license.Caller, q Reservation) (Hold, error) {\n", `func (r *Redis) Reserve(ctx context.Context, caller license.Caller, q Reservation) (Hold, error) {
	if h, err := r.reserveIn(ctx, caller, q, "count"); err != nil || h.Existing {
		return h, err
	}
	return r.reserveIn(ctx, caller, q, "insert")
}

func (r *Redis) reserveIn(ctx context.Context, caller license.Caller, q Reservation, phase string) (Hold, error) {
`),
					pool("redis", "unixMilli(q.LicenseEnds), staleLimit,\n", "unixMilli(q.LicenseEnds), staleLimit, phase,\n"),
					script("reserve", "local refusal =", "local refusal = ARGV[13] == 'count' and ("),
					script("reserve", "full(1, all, max_organization)\n", "full(1, all, max_organization))\n"),
					script("reserve", "if #stale > 2 then return stale end\n", `if #stale > 2 then return stale end
if ARGV[13] == 'count' then return {OK, session, now, now + ttl, now, 1, 0, 0, 1, now} end
`),
				},
				test: seatsTest("TestGuardOneScript"),
			}},
		},
	}
}

func clockAndCount() []guard {
	return []guard{
		{
			name:    "living-only",
			keeps:   "a heartbeat extends only the living",
			without: "a late heartbeat makes 51 of 50",
			mutants: []mutant{{
				edits: []edit{script("beat", "if expiry <= now then return", "if false then return")},
				test:  ledgerContract("Beat/the dead stay dead"),
			}},
		},
		{
			name:    "redis-time",
			keeps:   "the Redis server's clock, not the caller's",
			without: "skewed instances oversell",
			mutants: []mutant{{
				edits: []edit{
					pool("redis", "[]any{generation, randomness()}", `[]any{generation, fmt.Sprintf("%s@%d", randomness(), time.Now().UnixMilli())}`),
					script("prelude", "  return tonumber(t[1]) * 1000 +", "  if ARGV[2] then return tonumber(string.match(ARGV[2], '@(%d+)$')) end\n  return tonumber(t[1]) * 1000 +"),
				},
				test: ledgerContract("Beat/the dead stay dead"),
			}},
		},
		{
			name:    "no-eviction-inside",
			keeps:   "never evict inside the script: end first",
			without: "a loss right after brings the evicted one back beside its successor",
			mutants: []mutant{
				{
					name: "script",
					edits: []edit{script("reserve", "if #stale > 2 then return stale end\n", `for id in pairs(chosen) do
  redis.call('ZREM', all, id)
  redis.call('ZREM', license, id)
  redis.call('HDEL', data, id)
end
`)},
					test: ledgerContract("Stale/an expired session stands in the way"),
				},
				{
					name: "pool",
					edits: []edit{pool("end", "	epoch := batch[0].Epoch\n", `	epoch := batch[0].Epoch
	_, _ = p.ledger.Remove(ctx, caller, IfExpired, batch...)
`)},
					test: seatsTest("TestGuardEndedBeforeItsSeatIsFree"),
				},
			},
		},
	}
}

func incarnation() []guard {
	const withReplid = `return string.match(info, 'run_id:(%w+)') .. '.' .. string.match(info, 'master_replid:(%w+)')`
	return []guard{
		{
			name:    "server-identity",
			keeps:   "the epoch compared by server identity, not by a missing key",
			without: "a failover with lost writes goes unnoticed and oversells",
			mutants: []mutant{{
				edits: []edit{script("prelude", "if e and string.sub(e, 1, #id + 1) == id .. ':' then return string.sub(e, #id + 2) end", "if e and string.sub(e, 1, 2) ~= '-:' then return string.match(e, ':(.*)$') end")},
				test:  ledgerContract("Rebuild/a promotion is noticed"),
			}},
		},
		{
			name:    "replication-id",
			keeps:   "run_id together with master_replid",
			without: "fail over and back: the same run_id, lost writes unnoticed",
			mutants: []mutant{
				{
					name:  "ledger",
					edits: []edit{script("prelude", withReplid, `return string.match(info, 'run_id:(%w+)')`)},
					test:  ledgerContract("Rebuild/a promotion is noticed"),
				},
				{
					name:  "ledger, real replica",
					edits: []edit{script("prelude", withReplid, `return string.match(info, 'run_id:(%w+)')`)},
					test:  seatsTest("TestFailOverAndBackLosesWrites"),
				},
				{
					name: "index",
					edits: []edit{
						script("due", ".. '.' .. string.match(info, 'master_replid:(%w+)')", ""),
						script("seed", ".. '.' .. string.match(info, 'master_replid:(%w+)')", ""),
					},
					test: ledgerContract("Index/a loss makes every shard fresh"),
				},
			},
		},
	}
}

func nonces() []guard {
	return []guard{
		{
			name:    "nonce",
			keeps:   "one nonce per incarnation, the epoch raised once per nonce",
			without: "rebuild storms; a late rebuild brings the released back in a newer Redis",
			mutants: []mutant{
				{
					name:  "outlives its server",
					edits: []edit{script("prelude", "if not n or string.sub(n, 1, #id + 1) ~= id .. ':' then", "if not n then")},
					test:  ledgerContract("Rebuild/a promotion is noticed"),
				},
				{
					name:  "one per call",
					edits: []edit{script("prelude", "if not n or string.sub(n, 1, #id + 1) ~= id .. ':' then", "if true then")},
					test:  ledgerContract("Rebuild/one nonce per incarnation"),
				},
				{
					name:  "load under another nonce",
					edits: []edit{script("load", "if redis.call('GET', KEYS[2]) ~= ARGV[3] then return {LOST} end\n", "")},
					test:  ledgerContract("Rebuild/overtaken"),
				},
				{
					name:  "load on another server",
					edits: []edit{script("load", "if string.sub(ARGV[3], 1, #id + 1) ~= id .. ':' then return {LOST} end\n", "")},
					test:  ledgerContract("Rebuild/a nonce of another incarnation"),
				},
				{
					name:  "stage under another nonce",
					edits: []edit{script("stage", "if redis.call('GET', KEYS[2]) ~= ARGV[3] then return {LOST} end\n", "")},
					test:  ledgerContract("Rebuild/overtaken"),
				},
				{
					name:  "stage on another server",
					edits: []edit{script("stage", "if string.sub(ARGV[3], 1, #id + 1) ~= id .. ':' then return {LOST} end\n", "")},
					test:  ledgerContract("Rebuild/a nonce of another incarnation"),
				},
				{
					name:  "epoch per rebuilder, twin",
					edits: []edit{record("memory", " || t.ledger.LastNonce != nonce {", " || nonce != \"\" {")},
					test:  seatsTest("TestGuardOneEpochPerNonce"),
				},
				{
					name:  "epoch per rebuilder, Firestore",
					edits: []edit{record("epoch", "epoch > 0 && ledger.LastNonce == nonce", "epoch > 0 && nonce == \"\"")},
					test:  emulator("OpenEpoch/raised once per nonce"),
				},
				{
					name:  "epoch not raised, twin",
					edits: []edit{record("memory", " || t.ledger.LastNonce != nonce {", " {")},
					test:  seatsTest("TestGuardCreateFencedByEpoch"),
				},
				{
					name:  "epoch not raised, Firestore",
					edits: []edit{record("epoch", "epoch > 0 && ledger.LastNonce == nonce", "epoch > 0")},
					test:  emulator("OpenEpoch/raised once per nonce"),
				},
			},
		},
	}
}

func beforeTheAnswer() []guard {
	return []guard{
		{
			name:    "record-before-answer",
			keeps:   "the record before the answer",
			without: "a granted seat is not rebuilt: oversold",
			mutants: []mutant{
				{
					name: "signed first",
					edits: []edit{pool("acquire", "	if err := p.step(ctx, StepReserved); err != nil {\n", `	if err := issue(ctx, hold); err != nil {
		return Hold{}, err
	}
	if err := p.step(ctx, StepReserved); err != nil {
`)},
					test: seatsTest("TestRecordedBeforeSignedAndEndedAfter"),
				},
				{
					name:  "found, and not looked up",
					edits: []edit{pool("acquire", "hold.Recorded || ok", "hold.Recorded || hold.Existing || ok")},
					test:  seatsTest("TestASecondRequestRecordsForItself"),
				},
			},
		},
		{
			name:    "token-life",
			keeps:   "a token's life counts from the Redis time of its grant",
			without: "slow signing oversells tokens",
			mutants: []mutant{{
				edits: []edit{{"shared/grant/grant.go", "license.TokenExpiry(lic, h.Now,", "license.TokenExpiry(lic, time.Now(),"}},
				test:  test{pkg: "shared/grant", name: "TestTheTokensLifeCountsFromTheGrant"},
			}},
		},
		{
			name:    "compensation",
			keeps:   "a grant that fails gives its seat back",
			without: "failed grants eat seats until the TTL",
			mutants: []mutant{
				{
					name:  "unsigned",
					edits: []edit{pool("acquire", "	if hold.Existing {\n", "	if true {\n")},
					test:  seatsTest("TestAnUnsignedSeatIsGivenBack"),
				},
				{
					name:  "unrecorded",
					edits: []edit{pool("acquire", "_, _ = p.ledger.Remove(ctx, caller, IfUntouched, hold)", "_ = ctx")},
					test:  seatsTest("TestASeatThatWasNotRecordedIsGivenBack/not written"),
				},
				{
					name:  "the client has gone",
					edits: []edit{pool("pool", "context.WithTimeout(context.WithoutCancel(ctx), p.opts.Comp", "context.WithTimeout(ctx, p.opts.Comp")},
					test:  seatsTest("TestAnUnsignedSeatIsGivenBack"),
				},
			},
		},
	}
}

func fences() []guard {
	return []guard{
		{
			name:    "create-fenced",
			keeps:   "a create is fenced by the epoch",
			without: "a reservation in the lost Redis is recorded after the rebuild: oversold",
			mutants: []mutant{
				{
					name:  "twin",
					edits: []edit{record("memory", "t.fence(s.Epoch)", "error(nil)")},
					test:  seatsTest("TestGuardCreateFencedByEpoch"),
				},
				{
					name:  "Firestore",
					edits: []edit{record("sessions", "fence(tx, t, s.Epoch)", "error(nil)")},
					test:  emulator("Create/fenced"),
				},
			},
		},
		{
			name:    "ends-fenced",
			keeps:   "ends are fenced by the epoch",
			without: "an end decided before a loss lands after the rebuild gave the session back: the next loss oversells",
			mutants: []mutant{
				{
					name:  "twin",
					edits: []edit{record("memory", "t.fence(epoch)", "error(nil)")},
					test:  seatsTest("TestGuardEndsFencedByEpoch"),
				},
				{
					name:  "Firestore",
					edits: []edit{record("sessions", "fence(tx, t, epoch)", "error(nil)")},
					test:  emulator("End/fenced"),
				},
			},
		},
		{
			name:    "forget-on-a-moved-epoch",
			keeps:   "a ledger whose epoch the record has passed is rebuilt",
			without: "all grants are fenced for ever: a rebuild died between its two steps",
			mutants: []mutant{
				{
					name:  "pool",
					edits: []edit{pool("acquire", "p.ledger.Forget(ctx, caller, epoch)", "error(nil)")},
					test:  seatsTest("TestGuardForgetOnAMovedEpoch"),
				},
				{
					name:  "script",
					edits: []edit{script("forget", "redis.call('SET', KEYS[1], '-:' .. g)\n", "")},
					test:  ledgerContract("Rebuild/forgotten by epoch"),
				},
				{
					name:  "another epoch's",
					edits: []edit{script("forget", " or string.match(g, '^%d+') ~= ARGV[3]", "")},
					test:  ledgerContract("Rebuild/forgotten by epoch"),
				},
			},
		},
	}
}

func endings() []guard {
	return []guard{
		{
			name:    "tombstone",
			keeps:   "an end is recorded also where no record exists yet",
			without: "a create delayed past the TTL undoes the end: two active records for one seat",
			mutants: []mutant{
				{
					name: "twin",
					edits: []edit{record("memory", "	t.sessions[end.Session.ID] = doc.over(t.sessions[end.Session.ID])\n", `	if old, ok := t.sessions[end.Session.ID]; ok {
		t.sessions[end.Session.ID] = doc.over(old)
	}
`)},
					test: seatsTest("TestGuardTombstone"),
				},
				{
					name: "Firestore",
					edits: []edit{record("sessions", "				return tx.Set(ref, fields, firestore.MergeAll)\n", `				if _, err := ref.Get(ctx); status.Code(err) == codes.NotFound {
					return nil
				}
				return tx.Set(ref, fields, firestore.MergeAll)
`)},
					test: emulator("End/a tombstone stops a late create"),
				},
				{
					name: "Firestore, release",
					edits: []edit{record("sessions", "		return f.set(ctx, ref, fields, firestore.MergeAll)\n", `		if _, err := ref.Get(ctx); status.Code(err) == codes.NotFound {
			return nil
		}
		return f.set(ctx, ref, fields, firestore.MergeAll)
`)},
					test: emulator("EndNow/a tombstone stops a late create"),
				},
			},
		},
		{
			name:    "one-document-per-grant",
			keeps:   "one document per grant: created once, ended once, never active again",
			without: "a slow reaper's end of the old grant overwrites the new one's record: oversold",
			mutants: []mutant{
				{
					name: "one per holder",
					edits: []edit{
						pool("acquire", "id, err := newSessionID()", "id, err := holderID(req.Holder)"),
						pool("pool", "// newSessionID is", `func holderID(h license.Holder) (string, error) {
	return uuid.NewSHA1(uuid.Nil, []byte(fmt.Sprint(h))).String(), nil
}

// newSessionID is`),
						record("memory", "			return ErrEnded\n", "			t.sessions[s.ID] = activeDoc(s)\n			return nil\n"),
					},
					test: seatsTest("TestGuardOneDocumentPerGrant"),
				},
				{
					name:  "active again, twin",
					edits: []edit{record("memory", "			return ErrEnded\n", "			t.sessions[s.ID] = activeDoc(s)\n			return nil\n")},
					test:  twin("Create/an ended session stays ended"),
				},
				{
					name:  "active again, Firestore",
					edits: []edit{record("sessions", "return tx.Create(ref, activeDoc(s).fields())", "return tx.Set(ref, activeDoc(s).fields())")},
					test:  emulator("Create/an ended session stays ended"),
				},
			},
		},
	}
}

func removals() []guard {
	return []guard{
		{
			name:    "own-session-first",
			keeps:   "a holder's own expired session is ended first",
			without: "two live sessions for one holder after a loss",
			mutants: []mutant{{
				edits: []edit{script("reserve", "local own = held and must_go(held) or 0", "local own = 0")},
				test:  ledgerContract("Stale/the holder's own goes also with room"),
			}},
		},
		{
			name:    "only-if-still-expired",
			keeps:   "what expired is removed only if it still is expired",
			without: "a session revived by a rebuild loses its seat to a slow reaper",
			mutants: []mutant{
				{
					name:  "script",
					edits: []edit{script("remove", "return expiry <= now end", "return true end")},
					test:  ledgerContract("Remove/only if still expired"),
				},
				{
					name:  "pool",
					edits: []edit{pool("end", "p.ledger.Remove(ctx, caller, IfExpired, batch...)", "p.ledger.Remove(ctx, caller, BySession, batch...)")},
					test:  seatsTest("TestGuardRemoveOnlyIfStillExpired"),
				},
			},
		},
		{
			name:    "release-by-session",
			keeps:   "a release goes by session id",
			without: "a late release frees the holder's next session",
			mutants: []mutant{
				{
					name:  "by holder",
					edits: []edit{script("remove", "local session, holder, grant = ARGV[at], ARGV[at + 1], ARGV[at + 2]", "local holder, grant = ARGV[at + 1], ARGV[at + 2]\n  local session = redis.call('HGET', KEYS[i + 1], holder) or ARGV[at]")},
					test:  ledgerContract("Remove/a late one spares the next session"),
				},
				{
					name:  "the holder's entry with it",
					edits: []edit{script("remove", "if redis.call('HGET', KEYS[i + 1], holder) == session then", "if true then")},
					test:  ledgerContract("Rebuild/two recorded sessions of one holder"),
				},
			},
		},
	}
}

package ledger

import (
	"context"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

//go:embed *.lua
var scriptFiles embed.FS

// RedisOptions configure a [Redis].
type RedisOptions struct {
	// Prefix begins every key; "seats" when empty.
	Prefix string
	// SessionTTL is how long a session lives after its last heartbeat.
	SessionTTL time.Duration
	// TokenTTL is how long a license token lives.
	TokenTTL time.Duration
	// Deadline bounds each call; 2 s when zero.
	Deadline time.Duration
	// Generations is how many organizations' generations an instance
	// remembers; 10,000 when zero. A forgotten one costs one more round trip.
	Generations int
}

// Redis is the [Ledger] on Redis 7 or Valkey, single or cluster.
type Redis struct {
	client      redis.UniversalClient
	keys        keys
	opts        RedisOptions
	scripts     scripts
	generations *lru.Cache[string, string]
}

// scripts are the ledger's operations, each with the prelude in front.
type scripts struct {
	reserve, beat, mark, remove, visit, known, repaid, retoken, forget, claim, stage, load *redis.Script
	due, note, settle, seed                                                                *redis.Script
	// reserveText is reserve's source, for a server that does not know it yet.
	reserveText string
}

// NewRedis makes a ledger over client, which the caller keeps and closes.
func NewRedis(client redis.UniversalClient, opts RedisOptions) (*Redis, error) {
	if opts.SessionTTL < time.Millisecond || opts.TokenTTL < time.Millisecond {
		return nil, errors.New("seats: SessionTTL and TokenTTL must be at least one millisecond")
	}
	if opts.Prefix == "" {
		opts.Prefix = "seats"
	}
	if opts.Deadline == 0 {
		opts.Deadline = 2 * time.Second
	}
	if opts.Generations == 0 {
		opts.Generations = 10_000
	}
	generations, err := lru.New[string, string](opts.Generations)
	if err != nil {
		return nil, fmt.Errorf("seats: %w", err)
	}
	return &Redis{
		client: client, keys: keys{opts.Prefix}, opts: opts,
		scripts: loadScripts(), generations: generations,
	}, nil
}

func loadScripts() scripts {
	text := func(name string) string {
		b, err := scriptFiles.ReadFile(name + ".lua")
		if err != nil {
			panic(err) // embedded at build time: cannot be missing
		}
		return string(b)
	}
	prelude := text("prelude")
	with := func(name string) *redis.Script { return redis.NewScript(prelude + text(name)) }
	bare := func(name string) *redis.Script { return redis.NewScript(text(name)) }
	return scripts{
		reserve: with("reserve"), beat: with("beat"), mark: with("mark"), remove: with("remove"),
		visit: with("visit"), known: with("known"), repaid: with("repaid"), retoken: with("retoken"),
		forget: with("forget"), claim: with("claim"), stage: with("stage"), load: with("load"),
		due: bare("due"), note: bare("note"), settle: bare("settle"), seed: bare("seed"),
		reserveText: prelude + text("reserve"),
	}
}

// call is one script run on an organization's current generation.
type call struct {
	script *redis.Script
	// once sends the script at most once; see [Redis.Reserve].
	once bool
	// keys are those after E and N, for generation g.
	keys func(g string) []string
	args []any
}

// run runs a script with the remembered generation, and again with the right
// one when that has moved: in the steady state one round trip.
func (r *Redis) run(ctx context.Context, caller license.Caller, c call) (reply, error) {
	org := caller.OrganizationID
	generation, _ := r.generations.Get(org)
	for range 3 {
		answer, err := r.eval(ctx, org, generation, c)
		if err != nil {
			return reply{}, err
		}
		switch answer.code {
		case codeMoved:
			generation = answer.str(0)
			r.generations.Add(org, generation)
		case codeRebuild:
			return reply{}, &RebuildError{Nonce: answer.str(0)}
		default:
			answer.epoch = epochOf(generation)
			return answer, answer.err
		}
	}
	return reply{}, unavailable(errors.New("the ledger's generation kept moving"))
}

func (r *Redis) eval(ctx context.Context, org, generation string, c call) (reply, error) {
	ks := append([]string{r.keys.epoch(org), r.keys.nonce(org)}, c.keys(generation)...)
	args := append([]any{generation, randomness()}, c.args...)
	if c.once {
		return r.evalOnce(ctx, ks, args)
	}
	return r.evalRaw(ctx, c.script, ks, args)
}

func (r *Redis) evalRaw(ctx context.Context, s *redis.Script, ks []string, args []any) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Deadline)
	defer cancel()
	return decoded(s.Run(ctx, r.client, ks, args...).Slice())
}

// evalOnce is evalRaw for reserve, without the client's own repeats. A script the server
// does not know yet was not run: it is sent again in full.
func (r *Redis) evalOnce(ctx context.Context, ks []string, args []any) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Deadline)
	defer cancel()
	raw, err := r.send(ctx, "evalsha", r.scripts.reserve.Hash(), ks, args)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		raw, err = r.send(ctx, "eval", r.scripts.reserveText, ks, args)
	}
	return decoded(raw, err)
}

func (r *Redis) send(ctx context.Context, command, script string, ks []string, args []any) ([]any, error) {
	parts := append(make([]any, 0, 3+len(ks)+len(args)), command, script, len(ks))
	for _, k := range ks {
		parts = append(parts, k)
	}
	cmd := redis.NewCmd(ctx, append(parts, args...)...)
	if err := r.client.Process(ctx, unrepeated{cmd}); err != nil {
		return nil, err
	}
	return cmd.Slice()
}

// unrepeated is a command that go-redis does not repeat by itself.
type unrepeated struct{ *redis.Cmd }

// NoRetry is asked by go-redis after a failure.
func (unrepeated) NoRetry() bool { return true }

func decoded(raw []any, err error) (reply, error) {
	if err != nil {
		return reply{}, unavailable(err)
	}
	answer, err := decode(raw)
	if err != nil {
		return reply{}, unavailable(err)
	}
	return answer, nil
}

// randomness makes rebuild nonces unlike each other; nothing secret rests on it.
func randomness() string {
	var b [12]byte
	for i := range b {
		b[i] = byte(rand.Uint32()) //nolint:gosec // uniqueness, not secrecy
	}
	return hex.EncodeToString(b[:])
}

func unavailable(err error) error {
	return &license.UnavailableError{Backend: "redis", Err: err}
}

// Ping implements [Ledger].
func (r *Redis) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Deadline)
	defer cancel()
	if err := r.client.Ping(ctx).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

// Reserve implements [Ledger]. It is sent at most once per session id: bytes left
// in a connection that was given up can reach the server much later, and must
// then not bring back a session that somebody was told of and has released.
func (r *Redis) Reserve(ctx context.Context, caller license.Caller, q Reservation) (Hold, error) {
	org, lic := caller.OrganizationID, q.Holder.LicenseID
	answer, err := r.run(ctx, caller, call{
		script: r.scripts.reserve,
		once:   true,
		keys: func(g string) []string {
			return []string{
				r.keys.all(org, g), r.keys.data(org, g), r.keys.licenses(org, g), r.keys.marked(org, g),
				r.keys.license(org, g, lic), r.keys.holders(org, g, lic),
			}
		},
		args: []any{
			packID(q.SessionID), digest(q.Holder), who(q.Holder), lic, q.MaxLicense, q.MaxOrganization,
			r.opts.SessionTTL.Milliseconds(), r.opts.TokenTTL.Milliseconds(), unixMilli(q.LicenseEnds), staleLimit,
		},
	})
	if err != nil {
		return Hold{}, err
	}
	switch answer.code {
	case codeOK, codeHeld:
		return answer.reserved(caller, q), answer.err
	case codeStale:
		holds := answer.holds(caller, 1, time.UnixMilli(answer.int(0)).UTC())
		return Hold{}, orErr(answer, &StaleError{Holds: holds})
	case codeFull:
		return Hold{}, orErr(answer, answer.full())
	default:
		return Hold{}, answer.unexpected("reserve")
	}
}

// staleLimit is how many expired sessions one Reserve names: what one
// transaction of the record can end.
const staleLimit = 400

// Beat implements [Ledger].
func (r *Redis) Beat(ctx context.Context, caller license.Caller, sessionID string, candidates []LicenseEnd, renew bool) (Hold, error) {
	known := candidates
	if len(candidates) > maxCandidates {
		candidates = nil // the second round trip is cheaper than that many keys
	}
	for range 2 {
		answer, err := r.run(ctx, caller, r.beatCall(caller, sessionID, candidates, renew))
		if err != nil {
			return Hold{}, err
		}
		switch answer.code {
		case codeOK:
			return answer.beaten(caller, sessionID), answer.err
		case codeLicense:
			candidates = []LicenseEnd{licenseEnd(known, answer.str(0))}
		default:
			return Hold{}, answer.sessionErr(caller, sessionID)
		}
	}
	return Hold{}, unavailable(errors.New("the session's license kept changing"))
}

// maxCandidates bounds the license keys sent with a heartbeat.
const maxCandidates = 32

// licenseEnd finds a license among those the caller knows; any other never ends.
func licenseEnd(known []LicenseEnd, licenseID string) LicenseEnd {
	for _, k := range known {
		if k.LicenseID == licenseID {
			return k
		}
	}
	return LicenseEnd{LicenseID: licenseID}
}

func (r *Redis) beatCall(caller license.Caller, sessionID string, candidates []LicenseEnd, renew bool) call {
	org := caller.OrganizationID
	args := []any{
		packID(sessionID), escapeUser(caller.UserID), r.opts.SessionTTL.Milliseconds(), r.opts.TokenTTL.Milliseconds(), flag(renew),
	}
	for _, c := range candidates {
		args = append(args, c.LicenseID, unixMilli(c.Ends))
	}
	return call{script: r.scripts.beat, args: args, keys: func(g string) []string {
		ks := []string{r.keys.all(org, g), r.keys.data(org, g), r.keys.owed(org)}
		for _, c := range candidates {
			ks = append(ks, r.keys.license(org, g, c.LicenseID))
		}
		return ks
	}}
}

// Retoken implements [Ledger].
func (r *Redis) Retoken(ctx context.Context, caller license.Caller, sessionID string, ends time.Time) error {
	_, err := r.run(ctx, caller, call{
		script: r.scripts.retoken,
		keys:   func(g string) []string { return []string{r.keys.data(caller.OrganizationID, g)} },
		args:   []any{packID(sessionID), unixMilli(ends)},
	})
	return err
}

// Mark implements [Ledger].
func (r *Redis) Mark(ctx context.Context, caller license.Caller, m Mark) (Hold, error) {
	org := caller.OrganizationID
	answer, err := r.run(ctx, caller, call{
		script: r.scripts.mark,
		keys: func(g string) []string {
			return []string{r.keys.all(org, g), r.keys.data(org, g), r.keys.owed(org), r.keys.marked(org, g)}
		},
		args: []any{packID(m.SessionID), escapeUser(m.UserID), string(m.Own), string(m.Other), m.Grant},
	})
	if err != nil {
		return Hold{}, err
	}
	var expired *ExpiredError
	err = answer.sessionErr(caller, m.SessionID)
	if errors.As(err, &expired) {
		return expired.Hold, nil
	}
	return Hold{}, err
}

// removeChunk keeps one script run well below a millisecond or two.
const removeChunk = 100

// Remove implements [Ledger].
func (r *Redis) Remove(ctx context.Context, caller license.Caller, how Removal, holds ...Hold) (int, error) {
	removed := 0
	for len(holds) > 0 {
		chunk := holds[:min(removeChunk, len(holds))]
		holds = holds[len(chunk):]
		answer, err := r.run(ctx, caller, r.removeCall(caller.OrganizationID, how, chunk))
		if err != nil {
			return removed, err
		}
		removed += int(answer.int(0))
	}
	return removed, nil
}

func (r *Redis) removeCall(org string, how Removal, holds []Hold) call {
	args := []any{string(how)}
	for _, h := range holds {
		args = append(args, packID(h.ID), digest(h.Holder), h.Grant)
	}
	return call{script: r.scripts.remove, args: args, keys: func(g string) []string {
		ks := []string{r.keys.all(org, g), r.keys.data(org, g), r.keys.owed(org), r.keys.marked(org, g)}
		for _, h := range holds {
			ks = append(ks, r.keys.license(org, g, h.LicenseID), r.keys.holders(org, g, h.LicenseID))
		}
		return ks
	}}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

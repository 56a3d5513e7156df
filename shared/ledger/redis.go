package ledger

import (
	"context"
	"embed"
	"errors"
	"strings"
	"time"

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
	// TokenTTL is how long a license token lives at most, where its license does not say.
	TokenTTL time.Duration
	// TokenMin is how long a token lives at least; [license.TokenLife] says how the two
	// meet. 5 minutes when zero.
	TokenMin time.Duration
	// TokenMost is how long no token lives, whatever its license says, as the key that
	// signs it ends; zero where keys have no end. None counts as spent for longer.
	TokenMost time.Duration
	// Deadline bounds each call; 2 s when zero.
	Deadline time.Duration
	// ClockTolerance is by how much the server's clock and Now may differ: far below
	// a session TTL, far above a call's deadline. Zero looks at neither.
	ClockTolerance time.Duration
	// Now is this process's clock; time.Now when nil.
	Now func() time.Time
}

// Redis is the [Ledger] on Redis 7 or Valkey, single or cluster.
type Redis struct {
	client  redis.UniversalClient
	keys    keys
	opts    RedisOptions
	scripts map[string]script
	// called is told every call; tests compare its arguments with the scripts' heads.
	called func(call)
}

// script is an operation's source, all of it, with its hash.
type script struct {
	*redis.Script
	source string
}

// NewRedis makes a ledger over client, which the caller keeps and closes.
func NewRedis(client redis.UniversalClient, opts RedisOptions) (*Redis, error) {
	if opts.SessionTTL < time.Millisecond || opts.TokenTTL < time.Millisecond {
		return nil, errors.New("ledger: SessionTTL and TokenTTL must be at least one millisecond")
	}
	if opts.Prefix == "" {
		opts.Prefix = "seats"
	}
	if opts.Deadline == 0 {
		opts.Deadline = 2 * time.Second
	}
	if opts.TokenMin == 0 {
		opts.TokenMin = 5 * time.Minute
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Redis{client: client, keys: keys{opts.Prefix}, opts: opts, scripts: loadScripts(sourceOf)}, nil
}

func sourceOf(name string) string {
	b, err := scriptFiles.ReadFile(name + ".lua")
	if err != nil {
		panic(err) // embedded at build time: cannot be missing
	}
	return string(b)
}

// grows heads a script that adds to what Redis keeps: a server whose memory is
// full refuses it before it has done anything. keeps heads one that does not: it
// runs also then, so that holders keep their seats and seats are given back
// (https://redis.io/docs/latest/develop/programmability/lua-api/#script_flags).
const (
	grows = "#!lua\n"
	keeps = "#!lua flags=allow-oom\n"
)

// loadScripts puts in front of each script what it builds on.
func loadScripts(read func(name string) string) map[string]script {
	all := map[string]script{}
	load := func(before, names string) {
		for _, name := range strings.Fields(names) {
			source := before + read(name)
			all[name] = script{redis.NewScript(source), source}
		}
	}
	index := read("prelude")
	load(grows+index, "schedule")
	load(keeps+index, "due filled reschedule ready")
	organization := index + read("session") + read("organization") + read("members") + read("meters")
	load(grows+organization, "reserve stage spend")
	load(keeps+organization, "heartbeat mark remove visit known clear forget claim load look")
	load(keeps+organization, "tally tallied")
	load(keeps+organization, "count")
	return all
}

// call is one run of a script.
type call struct {
	script string
	keys   []string
	args   []argument
	// once sends it at most once; see [Redis.Reserve].
	once bool
}

// argument is one of a script's ARGV, under the name that the script's head has for it.
type argument struct {
	name  string
	value any
}

// run runs a script on an organization's ledger.
func (r *Redis) run(ctx context.Context, caller license.Caller, c call) (reply, error) {
	c.keys = []string{r.keys.epoch(caller.OrganizationID)}
	c.args = append([]argument{
		{"random", randomness()},
		{"at", r.opts.Now().UnixMilli()},
		{"tolerance", r.opts.ClockTolerance.Milliseconds()},
	}, c.args...)
	a, err := r.eval(ctx, c)
	switch {
	case err != nil:
		return reply{}, err
	case a.code == codeRebuild:
		return reply{}, orErr(a, &RebuildError{Nonce: a.str(0)})
	case a.code == codeNewer:
		return reply{}, unavailable(errors.New("a newer revision wrote this ledger: this one is to be replaced"))
	}
	return a, nil
}

// eval runs a script with the ledger's deadline.
func (r *Redis) eval(ctx context.Context, c call) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Deadline)
	defer cancel()
	if r.called != nil {
		r.called(c)
	}
	values := make([]any, len(c.args))
	for i, a := range c.args {
		values[i] = a.value
	}
	s := r.scripts[c.script]
	if c.once {
		return decoded(r.sendOnce(ctx, s, c.keys, values))
	}
	return decoded(s.Run(ctx, r.client, c.keys, values...).Slice())
}

// sendOnce runs a script without the client's own repeats. A script the server
// does not know yet was not run: it is sent again in full.
func (r *Redis) sendOnce(ctx context.Context, s script, keys []string, args []any) ([]any, error) {
	raw, err := r.send(ctx, "evalsha", s.Hash(), keys, args)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		return r.send(ctx, "eval", s.source, keys, args)
	}
	return raw, err
}

func (r *Redis) send(ctx context.Context, command, script string, keys []string, args []any) ([]any, error) {
	parts := append(make([]any, 0, 3+len(keys)+len(args)), command, script, len(keys))
	for _, k := range keys {
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

// clock is the answer of a server whose clock differs too much from this process's.
func (r *Redis) clock(a reply) error {
	return &license.UnavailableError{
		Backend: "redis", Err: &ClockError{Server: a.now, Here: r.opts.Now()},
		Detail: "Two clocks of the service differ, and no seat is granted until they agree again. Seats that are held are kept. Send the request again after the time in Retry-After.",
	}
}

// full is the failure of a script that would have added to a server whose memory is full.
func full(err error) error {
	return &license.UnavailableError{
		Backend: "redis", Err: err,
		Detail: "The service has no room to note another seat. Seats that are held are kept, and can be given back. Send the request again after the time in Retry-After.",
	}
}

func unavailable(err error) error {
	return &license.UnavailableError{Backend: "redis", Err: err}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

// rebuild is one rebuild of an organization's ledger after Redis lost it.
type rebuild struct {
	sessions, scripts int
	// total is the time of the heartbeat that found the ledger lost.
	total time.Duration
	// mean and longest are times of single scripts inside Redis: for as long
	// nobody else is served. A longest of 0 was below slow.
	mean, longest time.Duration
	// late is how many scripts took longer than the target.
	late int
}

// slow is the time from which on Redis notes a command in its slow log. The
// commands inside a script are noted as well: noting all would slow it down.
const slow = time.Millisecond

// rebuilding loses everything in Redis and measures one heartbeat, again and
// again. It comes last: nothing measured before survives it.
func (b *bench) rebuilding(ctx context.Context) (all []rebuild, err error) {
	client, err := redisconn.Dial(ctx, redisconn.Config{Addr: b.redis.addr, PoolSize: 4})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	for range b.rebuilds {
		r, err := b.rebuild(ctx, client)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func (b *bench) rebuild(ctx context.Context, client redis.UniversalClient) (rebuild, error) {
	record := &longRecord{Record: record.NewMemory(), sessions: recorded(b.rebuilt)}
	counting, err := ledger.NewRedis(client, ledger.RedisOptions{SessionTTL: sessionTTL, TokenTTL: tokenTTL})
	if err != nil {
		return rebuild{}, err
	}
	protocol, err := seats.New(counting, record, seats.Options{SessionTTL: sessionTTL})
	if err != nil {
		return rebuild{}, err
	}
	if err := b.loseAndListen(ctx); err != nil {
		return rebuild{}, err
	}
	first := record.sessions[0]
	caller := license.Caller{OrganizationID: organization, UserID: first.UserID}
	r := rebuild{sessions: b.rebuilt}
	scripts, inside, err := b.scriptsDuring(ctx, func() error {
		start := time.Now()
		_, err := protocol.Heartbeat(ctx, caller, ledger.Heartbeat{SessionID: first.ID})
		r.total = time.Since(start)
		return err
	})
	if err != nil {
		return rebuild{}, fmt.Errorf("a heartbeat after the loss: %w", err)
	}
	r.scripts, r.mean = int(scripts), inside/time.Duration(max(scripts, 1))
	if err := b.counted(ctx, counting, caller); err != nil {
		return rebuild{}, err
	}
	err = b.listened(ctx, &r)
	return r, err
}

// counted makes sure that what was measured was a whole rebuild.
func (b *bench) counted(ctx context.Context, ledger *ledger.Redis, caller license.Caller) error {
	known, err := ledger.Known(ctx, caller, nil)
	if err == nil && known.Held != b.rebuilt {
		err = fmt.Errorf("%d sessions came back of %d", known.Held, b.rebuilt)
	}
	return err
}

// loseAndListen empties the server and has it note slow commands from now on.
func (b *bench) loseAndListen(ctx context.Context) error {
	c := b.redis.client
	return errors.Join(
		c.FlushAll(ctx).Err(),
		c.ConfigSet(ctx, "slowlog-max-len", "100000").Err(),
		c.ConfigSet(ctx, "slowlog-log-slower-than", strconv.FormatInt(slow.Microseconds(), 10)).Err(),
		c.Do(ctx, "SLOWLOG", "RESET").Err(),
	)
}

// listened tells the slow scripts.
func (b *bench) listened(ctx context.Context, r *rebuild) error {
	entries, err := b.redis.client.SlowLogGet(ctx, -1).Result()
	for _, e := range entries {
		if len(e.Args) == 0 || e.Args[0] != "evalsha" {
			continue
		}
		r.longest = max(r.longest, e.Duration)
		if e.Duration > targetLongest {
			r.late++
		}
	}
	return err
}

// longRecord answers the sessions of a record in pages of Firestore's size,
// from a list that is divided into parts as it stands.
type longRecord struct {
	record.Record
	sessions []license.Session
}

// recordPage is how many sessions one query of the record reads.
const recordPage = 300

// ActiveSessions implements [record.Record].
func (r *longRecord) ActiveSessions(
	_ context.Context, _ license.Caller, part int, _ string, visit func(record.Page) error,
) error {
	if part == record.Whole {
		return visit(record.Page{More: true})
	}
	of := r.sessions[part*len(r.sessions)/record.Parts : (part+1)*len(r.sessions)/record.Parts]
	for page := range slices.Chunk(of, recordPage) {
		if err := visit(record.Page{Sessions: slices.Clone(page), Last: page[len(page)-1].ID}); err != nil {
			return err
		}
	}
	return nil
}

// recorded is what the record has of n sessions.
func recorded(n int) []license.Session {
	now := time.Now().UTC().Truncate(time.Millisecond)
	all := make([]license.Session, n)
	for i := range all {
		all[i] = license.Session{
			ID: sessionID(i), OrganizationID: organization, Status: license.SessionActive, Epoch: license.Epoch{Number: 1},
			Holder:     license.Holder{LicenseID: licenseID, UserID: userID(i), HardwareID: hardwareID()},
			AcquiredAt: now, LastHeartbeatAt: now, ExpiresAt: now.Add(sessionTTL),
		}
	}
	return all
}

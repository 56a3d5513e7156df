package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
)

// level is what an acquire costs while a license has that many living seats.
type level struct {
	seats int
	// script is the mean time inside Redis of one reserve, by INFO commandstats.
	script time.Duration
	// each is the mean CPU time of one acquire over HTTP.
	each spent
}

// memory is what sessions take in Redis.
type memory struct {
	sessions int
	bytes    int64
}

func (m memory) perSession() float64 { return float64(m.bytes) / float64(max(m.sessions, 1)) }

// scale fills an organization to each level, measures the memory that the
// largest takes, and then acquires at all levels in turn.
func (b *bench) scale(ctx context.Context) (levels []level, m memory, err error) {
	for _, n := range b.levels {
		taken, err := b.filling(ctx, fillRequest{Organization: levelName(n), Sessions: n, Users: n})
		if err != nil {
			return nil, m, err
		}
		m = memory{sessions: n, bytes: taken}
	}
	levels, err = b.levelsInTurn(ctx)
	return levels, m, err
}

func (b *bench) levelsInTurn(ctx context.Context) (levels []level, err error) {
	var grounds []*ground
	defer func() {
		for _, g := range grounds {
			err = errors.Join(err, g.Close())
		}
	}()
	for _, n := range b.levels {
		g, err := b.ground(ctx, n)
		if err != nil {
			return nil, err
		}
		grounds = append(grounds, g)
	}
	for _, measure := range []func(context.Context, *ground) error{b.reserves, b.acquires} {
		if err := b.inTurn(ctx, grounds, measure); err != nil {
			return nil, err
		}
	}
	for _, g := range grounds {
		levels = append(levels, g.level())
	}
	return levels, nil
}

func levelName(n int) string { return fmt.Sprintf("seats-%d", n) }

// filling is fill, and tells the memory it took.
func (b *bench) filling(ctx context.Context, r fillRequest) (int64, error) {
	before, err := b.redis.memory(ctx)
	if err != nil {
		return 0, err
	}
	if _, err := b.fill(ctx, r); err != nil {
		return 0, err
	}
	after, err := b.redis.memory(ctx)
	return after - before, err
}

// inTurn measures batch by batch at one level after the other, so that what
// else the machine does falls on all alike. The first turn is to get warm.
func (b *bench) inTurn(ctx context.Context, grounds []*ground, measure func(context.Context, *ground) error) error {
	length := b.duration * time.Duration(len(grounds))
	var end time.Time
	for turn := 0; turn < 2 || time.Now().Before(end); turn++ {
		for _, g := range grounds {
			g.counts = turn > 0
			if err := measure(ctx, g); err != nil {
				return err
			}
		}
		if turn == 0 {
			end = time.Now().Add(length)
		}
	}
	return nil
}

// ground is an organization with a level of living seats, and who takes more.
type ground struct {
	seats  int
	caller license.Caller
	ledger *ledger.Redis
	client redis.UniversalClient
	users  []user
	web    connections

	// counts says whether the present turn is one that counts.
	counts   bool
	reserved int64
	inside   time.Duration
	acquired int
	cost     spent
}

// takers is how many users acquire over HTTP at a time.
const takers = 4

func (b *bench) ground(ctx context.Context, n int) (g *ground, err error) {
	g = &ground{seats: n, caller: license.Caller{OrganizationID: levelName(n), UserID: userID(0)}}
	if g.client, err = redisconn.Dial(ctx, redisconn.Config{Addr: b.redis.addr, PoolSize: 1}); err != nil {
		return nil, err
	}
	if g.ledger, err = ledger.NewRedis(g.client, ledger.RedisOptions{SessionTTL: sessionTTL, TokenTTL: tokenTTL}); err != nil {
		return nil, errors.Join(err, g.client.Close())
	}
	if g.users, err = b.users(ctx, levelName(n), takers); err == nil {
		g.web, err = dialAll(ctx, b.function.Service, takers)
	}
	if err != nil {
		return nil, errors.Join(err, g.client.Close())
	}
	return g, nil
}

// Close ends its connections.
func (g *ground) Close() error { return errors.Join(g.client.Close(), g.web.Close()) }

func (g *ground) level() level {
	return level{seats: g.seats, script: g.inside / time.Duration(max(g.reserved, 1)), each: g.cost.per(g.acquired)}
}

// batch is how many seats are taken before they are given back, outside of
// what is measured: it keeps the number of living seats where it is.
const batch = 32

// reserves measures a batch of the reserve script alone, nothing else being at work.
func (b *bench) reserves(ctx context.Context, g *ground) error {
	taken := make([]ledger.Hold, batch)
	calls, inside, err := b.scriptsDuring(ctx, func() error { return g.reserve(ctx, taken) })
	if err != nil {
		return err
	}
	if g.counts {
		g.reserved, g.inside = g.reserved+calls, g.inside+inside
	}
	_, err = g.ledger.Remove(ctx, g.caller, ledger.BySession, taken...)
	return err
}

func (g *ground) reserve(ctx context.Context, taken []ledger.Hold) (err error) {
	for i := range taken {
		taken[i], err = g.ledger.Reserve(ctx, g.caller, ledger.Reservation{
			SessionID:  sessionID(i),
			Holder:     license.Holder{UserID: g.caller.UserID, HardwareID: hardwareID()},
			Candidates: []ledger.Candidate{{LicenseID: licenseID, TokenCap: seatCap, Pools: []ledger.Pool{{Key: licenseID, Cap: seatCap}, {Cap: seatCap}}}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) scriptsDuring(ctx context.Context, f func() error) (calls int64, inside time.Duration, err error) {
	before, insideBefore, err := b.redis.scripts(ctx)
	if err != nil {
		return 0, 0, err
	}
	if err := f(); err != nil {
		return 0, 0, err
	}
	after, insideAfter, err := b.redis.scripts(ctx)
	return after - before, insideAfter - insideBefore, err
}

// acquires measures a batch of acquires over HTTP.
func (b *bench) acquires(ctx context.Context, g *ground) error {
	taken := make([][]string, takers)
	take := acquiring(g.users, func(worker int, session string) { taken[worker] = append(taken[worker], session) })
	cost, err := b.during(ctx, b.function, func() error {
		_, err := g.web.send(ctx, limited(take, takers, batch/takers), forever)
		return err
	})
	if err != nil {
		return err
	}
	if g.counts {
		g.acquired, g.cost = g.acquired+batch, g.cost.plus(cost)
	}
	_, err = g.web.send(ctx, releasing(g.users, taken), forever)
	return err
}

// sessionID is an id such as the service makes.
func sessionID(n int) string { return fmt.Sprintf("01990000-0000-7000-8000-%012x", n) }

// levelRatio is how many times as much the largest level costs as the smallest.
func levelRatio(levels []level, of func(level) time.Duration) float64 {
	return ratio(of(levels[len(levels)-1]), of(levels[0]))
}

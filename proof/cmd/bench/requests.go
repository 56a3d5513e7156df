package main

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// The names of what is measured.
const (
	nameBare      = "bare handler"
	nameScript    = "bare EVALSHA"
	nameHeartbeat = "heartbeat"
	nameRelease   = "release"
	nameReacquire = "acquire, again"
	nameAcquire   = "acquire, new"
)

// cell is one operation at one number of connections.
type cell struct {
	name        string
	connections int
	sample
	// each is the mean CPU time of one request.
	each spent
}

// forever is for traffic that ends by itself.
const forever = time.Duration(math.MaxInt64)

// senders are the users that send the requests: one per connection.
type senders struct {
	users []user
	// sessions are what they keep with heartbeats.
	sessions []string
	// beat is the command one of these heartbeats sends to Redis.
	beat [][]byte
}

const organization = "bench"

func (b *bench) gather(ctx context.Context) (c senders, err error) {
	n := slices.Max(b.connections)
	if c.sessions, err = b.fill(ctx, fillRequest{Organization: organization, Sessions: n, Users: n}); err != nil {
		return senders{}, err
	}
	if c.users, err = b.users(ctx, organization, n); err != nil {
		return senders{}, err
	}
	caller := license.Caller{OrganizationID: organization, UserID: userID(0), Role: license.RoleMember}
	c.beat, err = captureBeat(ctx, b.redis.addr, caller, c.sessions[0])
	return c, err
}

// requests measures every operation and both yardsticks at every number of
// connections. What is compared stands close together in time.
func (b *bench) requests(ctx context.Context) ([]cell, error) {
	c, err := b.gather(ctx)
	if err != nil {
		return nil, err
	}
	var cells []cell
	for _, n := range b.connections {
		var rounds [][]cell
		for range b.rounds {
			measured, err := b.round(ctx, c, n)
			if err != nil {
				return nil, err
			}
			rounds = append(rounds, measured)
		}
		cells = append(cells, median(rounds)...)
	}
	return cells, nil
}

// round measures everything at n connections.
func (b *bench) round(ctx context.Context, c senders, n int) ([]cell, error) {
	var cells []cell
	for _, one := range []func(context.Context, senders, int) (cell, error){
		b.bareCell, b.scriptCell, b.heartbeatCell, b.reacquireCell, b.releaseCell, b.acquireCell,
	} {
		measured, err := one(ctx, c, n)
		if err != nil {
			return nil, err
		}
		cells = append(cells, measured)
	}
	return cells, nil
}

// median is the round whose heartbeats cost the median in units: what others do on the
// machine comes and goes between two cells.
func median(rounds [][]cell) []cell {
	slices.SortFunc(rounds, func(a, b []cell) int { return cmp.Compare(beatUnits(a), beatUnits(b)) })
	return rounds[len(rounds)/2]
}

func beatUnits(cells []cell) float64 {
	r := results{cells: cells}
	at := slices.IndexFunc(cells, func(c cell) bool { return c.name == nameHeartbeat })
	return r.units(cells[at])
}

// load is something that can be kept up for a while.
type load func(ctx context.Context, length time.Duration) (sample, error)

// cell measures a load on a process, after a tenth of the time to get warm.
func (b *bench) cell(ctx context.Context, name string, n int, c *child, run load) (cell, error) {
	if _, err := run(ctx, b.duration/10); err != nil {
		return cell{}, err
	}
	out := cell{name: name, connections: n}
	total, err := b.during(ctx, c, func() (err error) {
		out.sample, err = run(ctx, b.duration)
		return err
	})
	out.each = total.per(out.Requests)
	return out, err
}

// web measures HTTP traffic to a process over n connections.
func (b *bench) web(ctx context.Context, name string, n int, c *child, t traffic) (out cell, err error) {
	all, err := dialAll(ctx, c.Service, n)
	if err != nil {
		return cell{}, err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	return b.cell(ctx, name, n, c, func(ctx context.Context, length time.Duration) (sample, error) {
		return all.send(ctx, t, length)
	})
}

func (b *bench) bareCell(ctx context.Context, _ senders, n int) (cell, error) {
	return b.web(ctx, nameBare, n, b.bare, greeting())
}

func (b *bench) scriptCell(ctx context.Context, c senders, n int) (cell, error) {
	return b.cell(ctx, nameScript, n, b.bare, func(ctx context.Context, length time.Duration) (s sample, err error) {
		err = b.bare.ask(ctx, pathReplay, replayRequest{
			Redis: b.redis.addr, Command: c.beat, Connections: n, Duration: length,
		}, &s)
		return s, err
	})
}

func (b *bench) heartbeatCell(ctx context.Context, c senders, n int) (cell, error) {
	if b.profile == "" || n != slices.Max(b.connections) {
		return b.web(ctx, nameHeartbeat, n, b.function, beating(c.users, c.sessions))
	}
	return b.profiled(ctx, c, n)
}

// profiled measures heartbeats under the profiler, which costs a few percent.
func (b *bench) profiled(ctx context.Context, c senders, n int) (out cell, err error) {
	taken := make(chan error, 1)
	go func() {
		var data []byte
		err := b.function.ask(ctx, pathProfile, b.duration, &data)
		if err == nil {
			err = os.WriteFile(b.profile, data, 0o600)
		}
		taken <- err
	}()
	out, err = b.web(ctx, nameHeartbeat, n, b.function, beating(c.users, c.sessions))
	return out, errors.Join(err, <-taken)
}

func (b *bench) reacquireCell(ctx context.Context, c senders, n int) (cell, error) {
	all, err := dialAll(ctx, b.function.Service, n)
	if err != nil {
		return cell{}, err
	}
	// The first of each user is new, unless fewer connections had it before.
	first := limited(reacquiring(c.users, anyStatus), n, 1)
	_, err = all.send(ctx, first, forever)
	if err := errors.Join(err, all.Close()); err != nil {
		return cell{}, err
	}
	return b.web(ctx, nameReacquire, n, b.function, reacquiring(c.users, http.StatusOK))
}

func (b *bench) releaseCell(ctx context.Context, c senders, n int) (cell, error) {
	// Should they be given back sooner, the cell is shorter, not wrong.
	count := max(n*4, int(float64(b.pool)*b.duration.Seconds()))
	sessions, err := b.fill(ctx, fillRequest{Organization: organization, Sessions: count, Users: n})
	if err != nil {
		return cell{}, err
	}
	return b.web(ctx, nameRelease, n, b.function, releasing(c.users, deal(sessions, n)))
}

func (b *bench) acquireCell(ctx context.Context, c senders, n int) (cell, error) {
	return b.web(ctx, nameAcquire, n, b.function, acquiring(c.users, nil))
}

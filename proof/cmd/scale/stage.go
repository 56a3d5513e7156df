package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
	"github.com/coditect-ai/coditect-licenses/shared/seats"
)

const (
	sessionTTL = 6 * time.Minute
	tokenTTL   = time.Hour
)

// stage is where the measurements are played: a Redis server, and how slow the
// record is.
type stage struct {
	dir               string
	server            *servers.RedisProcess
	client            redis.UniversalClient
	transaction, page time.Duration
}

func newStage(transaction, page time.Duration) (*stage, error) {
	dir, err := os.MkdirTemp("", "scale-*")
	if err != nil {
		return nil, err
	}
	server, err := servers.StartRedis(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	client, err := dial(server.Addr())
	if err != nil {
		return nil, errors.Join(err, server.Kill(), os.RemoveAll(dir))
	}
	return &stage{dir: dir, server: server, client: client, transaction: transaction, page: page}, nil
}

func dial(addr string) (redis.UniversalClient, error) {
	return redisconn.Dial(context.Background(), redisconn.Config{
		Addr: addr, PoolSize: 64, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, PoolTimeout: 5 * time.Second,
	})
}

func (s *stage) close() { _ = errors.Join(s.client.Close(), s.server.Kill(), os.RemoveAll(s.dir)) }

// protocol is an instance of the service over this stage's Redis.
func protocol(client redis.UniversalClient, r *slowRecord, ttl time.Duration) (*seats.Protocol, error) {
	counting, err := ledger.NewRedis(client, ledger.RedisOptions{
		SessionTTL: ttl, TokenTTL: tokenTTL, Deadline: 5 * time.Second, ClockTolerance: 30 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return seats.New(counting, r, seats.Options{SessionTTL: ttl})
}

// slow is from when on a script is noted.
const slow = time.Millisecond

// empty loses everything and begins to count.
func (s *stage) empty(ctx context.Context) error {
	c := s.client
	return errors.Join(
		c.FlushAll(ctx).Err(), c.ConfigResetStat(ctx).Err(),
		c.ConfigSet(ctx, "slowlog-max-len", "100000").Err(),
		c.ConfigSet(ctx, "slowlog-log-slower-than", strconv.FormatInt(slow.Microseconds(), 10)).Err(),
		c.Do(ctx, "SLOWLOG", "RESET").Err(),
	)
}

// scripts tells how many ran since [stage.empty], their mean CPU time by the
// server's own account, and the longest.
func (s *stage) scripts(ctx context.Context, cpu time.Duration) (string, error) {
	calls, err := s.calls(ctx)
	if err != nil {
		return "", err
	}
	now, err := s.cpu(ctx)
	if err != nil {
		return "", err
	}
	entries, err := s.client.SlowLogGet(ctx, -1).Result()
	longest := time.Duration(0)
	for _, e := range entries {
		if len(e.Args) > 0 && strings.HasPrefix(e.Args[0], "eval") {
			longest = max(longest, e.Duration)
		}
	}
	return fmt.Sprintf("%d scripts, mean %.2f ms of Redis CPU, longest %.2f ms",
		calls, ms(now-cpu)/float64(max(calls, 1)), ms(longest)), err
}

// calls counts the scripts that ran.
func (s *stage) calls(ctx context.Context) (int, error) {
	stats, err := s.field(ctx, "commandstats", "cmdstat_evalsha")
	if err != nil || stats == "" {
		return 0, err
	}
	n, _, _ := strings.Cut(strings.TrimPrefix(stats, "calls="), ",")
	return strconv.Atoi(n)
}

// cpu is what the server's one thread that runs scripts has used.
func (s *stage) cpu(ctx context.Context) (total time.Duration, err error) {
	for _, name := range []string{"used_cpu_user_main_thread", "used_cpu_sys_main_thread"} {
		text, err := s.field(ctx, "cpu", name)
		if err != nil {
			return 0, err
		}
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(seconds * float64(time.Second))
	}
	return total, nil
}

func (s *stage) field(ctx context.Context, section, name string) (string, error) {
	info, err := s.client.Info(ctx, section).Result()
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value, err
		}
	}
	return "", err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// percentile is that of the sorted durations.
func percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, int(float64(len(all))*p))]
}

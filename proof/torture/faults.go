package torture

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// playLane plays faults one after the other, and mends each before the next.
func (r *round) playLane(ctx context.Context, lane []planned) error {
	for _, f := range lane {
		rig.Sleep(ctx, f.after)
		select {
		case <-ctx.Done():
			return nil // the active time is over
		default:
		}
		noted := history.Fault{Kind: string(f.kind), Target: r.targetOf(f), Begin: history.Now(), Loses: f.kind.loses(), Delays: f.kind.delays()}
		// What was broken is mended also when the time is over meanwhile.
		err := r.play(context.WithoutCancel(ctx), f)
		noted.End = history.Now()
		r.recorder.Fault(noted)
		if err != nil {
			return fmt.Errorf("%s: %w", f.kind, err)
		}
	}
	return nil
}

func (r *round) targetOf(f planned) string {
	if f.kind == redisFlushLate || f.kind == redisFlushPaused {
		return fmt.Sprintf("%d, function %d", f.target, f.beside)
	}
	if f.all && f.kind != workerKill && f.kind != workerPause {
		return "all"
	}
	return strconv.Itoa(f.target)
}

func (r *round) play(ctx context.Context, f planned) error {
	switch f.kind {
	case redisFlushLate, redisFlushPaused:
		return r.playBeside(ctx, f)
	case redisPause, redisFlush, redisRestart, redisFailover, redisSwitch, redisBack:
		return r.playServer(ctx, f)
	case signerFails, signerDamaged:
		return r.playSigner(ctx, f)
	case workerKill, workerPause:
		return r.playWorker(ctx, f)
	default:
		return breakWays(ctx, f, r.ways(f))
	}
}

func (r *round) playServer(ctx context.Context, f planned) error {
	server := r.Redis.Server(f.target)
	fates := map[faultKind]rig.Old{redisFailover: rig.Killed, redisSwitch: rig.Demoted, redisBack: rig.Restored}
	switch f.kind {
	case redisPause:
		err := server.Pause()
		rig.Sleep(ctx, f.length)
		return errors.Join(err, server.Resume())
	case redisFlush:
		return r.flush(ctx, f)
	case redisRestart:
		err := server.Kill()
		rig.Sleep(ctx, f.length)
		return errors.Join(err, server.Start())
	default:
		return r.Redis.Failover(ctx, f.length, fates[f.kind])
	}
}

const (
	// between is how long an acquire waits for the record when it must have its
	// seat in Redis already: a refusal takes a fraction.
	between = 20 * time.Millisecond
	// chanceFor bounds the wait for such an acquire.
	chanceFor = 400 * time.Millisecond
)

// playBeside flushes Redis while one process is between two steps of an acquire,
// which goes on when the others have rebuilt. The loss waits for that moment:
// left to chance it is met once in minutes.
func (r *round) playBeside(ctx context.Context, f planned) error {
	w := r.Workers[f.beside]
	if f.kind == redisFlushPaused {
		defer w.Claim()()
		r.awaitAcquire(ctx, f.beside, between/4)
		return r.lossWithin(ctx, f, w.Pause, w.Resume)
	}
	defer w.Firestore.Claim()()
	hold := func() error {
		err := w.Firestore.Hold()
		r.awaitAcquire(ctx, f.beside, between)
		return err
	}
	return r.lossWithin(ctx, f, hold, func() error { w.Firestore.Mend(ctx); return nil })
}

// awaitAcquire waits until an acquire has been at the worker for so long.
func (r *round) awaitAcquire(ctx context.Context, worker int, since time.Duration) {
	const tick = 2 * time.Millisecond
	for waited := time.Duration(0); waited < chanceFor && !r.client.waits(worker, since); waited += tick {
		rig.Sleep(ctx, tick)
	}
}

// lossWithin flushes Redis between stop and goOn.
func (r *round) lossWithin(ctx context.Context, f planned, stop, goOn func() error) error {
	err := errors.Join(stop(), r.flush(ctx, f))
	rig.Sleep(ctx, f.amount)
	return errors.Join(err, goOn())
}

// flush empties one node, or all of them one after the other.
func (r *round) flush(ctx context.Context, f planned) error {
	if !f.all {
		return r.Redis.Server(f.target).Do(ctx, "FLUSHALL")
	}
	var errs []error
	for i := range r.Redis.Nodes() {
		errs = append(errs, r.Redis.Server(i).Do(ctx, "FLUSHALL"))
	}
	return errors.Join(errs...)
}

// ways are the proxies a fault is about.
func (r *round) ways(f planned) []*rig.Proxy {
	switch f.kind {
	case redisSlow, redisCut, redisSwallow, redisMute, redisHold:
		ways := r.Redis.Proxies(f.target)
		if f.all || len(ways) == 1 {
			return ways
		}
		w := int(f.amount) % len(ways)
		return ways[w : w+1]
	default: // one per worker
	}
	var ways []*rig.Proxy
	for i, w := range r.Workers {
		if !f.all && i != f.target {
			continue
		}
		if f.kind == signerSwallow {
			ways = append(ways, w.KMS)
		} else {
			ways = append(ways, w.Firestore)
		}
	}
	return ways
}

// claim keeps others from breaking the same ways; always in the same order, so
// that nobody waits in a circle.
func claim(ways []*rig.Proxy) (release func()) {
	var claims []func()
	for _, way := range ways {
		claims = append(claims, way.Claim())
	}
	return func() {
		for _, end := range claims {
			end()
		}
	}
}

func breakWays(ctx context.Context, f planned, ways []*rig.Proxy) error {
	defer claim(ways)()
	var errs []error
	for _, way := range ways {
		switch f.kind {
		case redisCut, recordCut:
			way.Cut()
		case redisSlow, recordSlow:
			errs = append(errs, way.Slow(f.amount))
		case redisHold, recordHold:
			errs = append(errs, way.Hold())
		case redisMute, recordMute:
			errs = append(errs, way.Mute())
		default:
			errs = append(errs, way.Swallow())
		}
	}
	rig.Sleep(ctx, f.length)
	for _, way := range ways {
		if f.kind == redisCut || f.kind == recordCut {
			errs = append(errs, way.Open(""))
		} else {
			way.Mend(ctx)
		}
	}
	return errors.Join(errs...)
}

func (r *round) playSigner(ctx context.Context, f planned) error {
	if f.kind == signerDamaged {
		r.KMS.SetTamper(fakekms.DamageSignature)
	} else {
		code := []codes.Code{codes.Unavailable, codes.ResourceExhausted, codes.Internal}[f.target%3]
		r.KMS.SetBefore(func(context.Context, string) error { return status.Error(code, "played") })
	}
	rig.Sleep(ctx, f.length)
	r.KMS.SetTamper(nil)
	r.KMS.SetBefore(nil)
	return nil
}

func (r *round) playWorker(ctx context.Context, f planned) error {
	w := r.Workers[f.target]
	defer w.Claim()()
	if f.kind == workerPause {
		err := w.Pause()
		rig.Sleep(ctx, f.length)
		return errors.Join(err, w.Resume())
	}
	err := w.Kill()
	rig.Sleep(ctx, f.length)
	return errors.Join(err, w.Start(ctx, f.amount))
}

// mended waits until nothing is broken any more; the lanes have ended.
func (r *round) mended(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return r.Redis.Working(ctx)
}

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
		noted := history.Fault{
			Kind: string(f.kind), Target: r.targetOf(f), Begin: history.Now(), Loses: f.loses, Rebuilds: f.rebuilds, Delays: f.delays,
		}
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
	switch {
	case f.kind == redisFlushLate || f.kind == redisFlushPaused:
		return fmt.Sprintf("%d, function %d", f.target, f.beside)
	case f.lane == boughtLane:
		return r.customer(f)
	case f.lane == crowdLane:
		return r.plan.crowded
	case f.all && f.lane != functionLane:
		return "all"
	}
	return strconv.Itoa(f.target)
}

func (r *round) play(ctx context.Context, f planned) error {
	switch f.lane {
	case functionLane:
		return r.playWorker(ctx, f)
	case boughtLane:
		return r.playBought(ctx, f)
	case crowdLane:
		return r.playCrowd(ctx, f)
	default:
	}
	switch f.kind {
	case signerFails, signerDamaged:
		return r.playSigner(ctx, f)
	case redisSlow, redisCut, redisSwallow, redisMute, redisHold, recordSlow, recordCut, recordSwallow, recordMute, recordHold, signerSwallow:
		return breakWays(ctx, f, r.ways(f))
	default:
		return r.playServer(ctx, f)
	}
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
	return r.replace(ctx, f.target, f.length, f.amount)
}

// replace kills a function process and starts another in its place after a while,
// with a clock that is ahead by skew.
func (r *round) replace(ctx context.Context, worker int, after, skew time.Duration) error {
	w := r.Workers[worker]
	err := w.Kill()
	r.clocks.stopped(worker, w.Config().Skew)
	rig.Sleep(ctx, after)
	r.clocks.started(worker)
	return errors.Join(err, w.Start(ctx, skew))
}

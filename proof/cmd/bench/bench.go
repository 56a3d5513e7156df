package main

import (
	"context"
	"errors"
	"time"
)

// bench is a run: the processes, and what is to be measured on them.
type bench struct {
	plan

	redis               *redisServer
	function, bare, kms *child
}

// measure starts everything, measures everything, and stops everything.
func measure(ctx context.Context, p plan) (r results, err error) {
	b := &bench{plan: p}
	defer func() { err = errors.Join(err, b.stop()) }()
	if err := b.start(ctx); err != nil {
		return results{}, err
	}
	r = results{plan: p, machine: thisMachine(b.redis.version)}
	if r.cells, err = b.requests(ctx); err != nil {
		return r, err
	}
	if r.levels, r.memory, err = b.scale(ctx); err != nil {
		return r, err
	}
	r.rebuilds, err = b.rebuilding(ctx)
	return r, err
}

func (b *bench) start(ctx context.Context) (err error) {
	if b.redis, err = startRedis(ctx); err != nil {
		return err
	}
	if b.bare, err = startChild(ctx, "serve-bare"); err != nil {
		return err
	}
	if b.kms, err = startChild(ctx, "serve-kms"); err != nil {
		return err
	}
	b.function, err = startChild(ctx, "serve-function", "--redis", b.redis.addr, "--kms", b.kms.Service)
	return err
}

func (b *bench) stop() error {
	var errs []error
	for _, c := range []*child{b.function, b.kms, b.bare} {
		if c != nil {
			errs = append(errs, c.stop())
		}
	}
	if b.redis != nil {
		errs = append(errs, b.redis.stop())
	}
	return errors.Join(errs...)
}

// spent is CPU time by who spent it.
type spent struct {
	// process is the function's, or the yardstick's in its place.
	process, redis, kms time.Duration
	signatures          int
}

// all is what a request costs us: signatures are Google's.
func (s spent) all() time.Duration { return s.process + s.redis }

func (s spent) minus(t spent) spent {
	return spent{s.process - t.process, s.redis - t.redis, s.kms - t.kms, s.signatures - t.signatures}
}

func (s spent) plus(t spent) spent {
	return spent{s.process + t.process, s.redis + t.redis, s.kms + t.kms, s.signatures + t.signatures}
}

// per is the mean over n requests; signatures stay a total.
func (s spent) per(n int) spent {
	d := time.Duration(max(n, 1))
	return spent{s.process / d, s.redis / d, s.kms / d, s.signatures}
}

// account is what has been spent so far by c, Redis and the KMS stand-in.
func (b *bench) account(ctx context.Context, c *child) (spent, error) {
	signer, kmsErr := b.kms.usage(ctx)
	redis, redisErr := b.redis.cpu(ctx)
	process, err := c.usage(ctx)
	return spent{process.CPU, redis, signer.CPU, signer.Signatures}, errors.Join(kmsErr, redisErr, err)
}

// during is what c, Redis and the KMS stand-in spend while f runs.
func (b *bench) during(ctx context.Context, c *child, f func() error) (spent, error) {
	before, err := b.account(ctx, c)
	if err != nil {
		return spent{}, err
	}
	if err := f(); err != nil {
		return spent{}, err
	}
	after, err := b.account(ctx, c)
	return after.minus(before), err
}

// fill has the function's process make sessions.
func (b *bench) fill(ctx context.Context, r fillRequest) (ids []string, err error) {
	err = b.function.ask(ctx, pathFill, r, &ids)
	return ids, err
}

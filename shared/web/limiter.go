package web

import (
	"context"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Limiter bounds how often one user of one organization may call, so that a
// single runaway client does not take an instance to itself. Its contract is
// tested by shared/limits/limitstest.
type Limiter interface {
	// Take takes one request from the caller's allowance and returns zero, or
	// takes nothing and returns how long until there is one: a refused request
	// costs nothing, and one that comes after that time is let in. Callers do not
	// share an allowance unless both their organization and their user are the same.
	//
	// A limiter that cannot count lets the caller in: it protects the service, and
	// must not be what fails it. It is safe for concurrent use.
	Take(ctx context.Context, c license.Caller) time.Duration
}

package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// SchedulerConfig says whose OIDC tokens may start the reaper. Audience and
// ServiceAccount are required.
type SchedulerConfig struct {
	// Audience is compared exactly. Cloud Scheduler's default is the job's full
	// target URI. https://cloud.google.com/scheduler/docs/http-target-auth
	Audience string
	// ServiceAccount is the email address of the job's service account.
	ServiceAccount string
	// IAMChecked says that Cloud Run's own IAM check is on for this process. Cloud Run
	// may then replace the signature of the token that it has checked, and such a
	// token is taken on its word: account, audience, issuer and times are still
	// compared here. Any other token needs its signature. What Cloud Run has checked
	// is the token of X-Serverless-Authorization where a request has that header, and
	// then nobody has checked the one that comes here: see web.Access.
	// https://docs.cloud.google.com/run/docs/troubleshooting#signature-removed
	IAMChecked bool
	// KeyClient, Deadline and Now are as in [Config].
	KeyClient *http.Client
	Deadline  time.Duration
	Now       func() time.Time
}

func (c SchedulerConfig) validate() error {
	var faults []error
	if err := CheckAudience(c.Audience); err != nil { // the validator would accept any for an empty one
		faults = append(faults, fmt.Errorf("identity: the scheduler %w", err))
	}
	if err := CheckServiceAccount(c.ServiceAccount); err != nil {
		faults = append(faults, fmt.Errorf("identity: the scheduler's service account %w", err))
	}
	return errors.Join(faults...)
}

// Scheduler verifies that a request comes from Cloud Scheduler's service
// account. It is safe for concurrent use.
type Scheduler struct {
	tokens  *googleTokens
	address string
}

// NewScheduler builds a verifier and fetches nothing yet.
func NewScheduler(cfg SchedulerConfig) (*Scheduler, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	tokens, err := newGoogleTokens(googleConfig{cfg.Audience, cfg.IAMChecked, cfg.KeyClient, cfg.Deadline, cfg.Now})
	if err != nil {
		return nil, err
	}
	return &Scheduler{tokens, cfg.ServiceAccount}, nil
}

// Close ends key fetches and waits for them.
func (s *Scheduler) Close() { s.tokens.Close() }

// Verify accepts a Google-signed token of the configured account for the
// configured audience. Errors: [ErrUnauthenticated], [ErrForbidden] for a
// genuine token of another account, [*license.UnavailableError] when Google's
// keys cannot be had.
func (s *Scheduler) Verify(ctx context.Context, bearer string) error {
	email, _, err := s.tokens.account(ctx, bearer)
	if err == nil && email != s.address {
		err = ErrForbidden
	}
	return err
}

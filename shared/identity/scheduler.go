package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/auth/credentials/idtoken"
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
	audience, account string
	iamChecked        bool
	now               func() time.Time
	keys              *keyCache
	validator         *idtoken.Validator
}

// NewScheduler builds a verifier and fetches nothing yet.
func NewScheduler(cfg SchedulerConfig) (*Scheduler, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return newGoogle(cfg)
}

// newGoogle verifies tokens of Google's, of any account where none is given.
func newGoogle(cfg SchedulerConfig) (*Scheduler, error) {
	if cfg.KeyClient == nil {
		cfg.KeyClient = newKeyClient()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	keys := newKeyCache(serviceKeysURL, cfg.KeyClient, checkKeySet, cmp.Or(cfg.Deadline, defaultDeadline), cfg.Now)
	validator, err := idtoken.NewValidator(&idtoken.ValidatorOptions{
		Client:        &http.Client{Transport: keys},
		RS256CertsURL: serviceKeysURL,
	})
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return &Scheduler{
		audience: cfg.Audience, account: cfg.ServiceAccount, iamChecked: cfg.IAMChecked,
		now: cfg.Now, keys: keys, validator: validator,
	}, nil
}

// Close ends key fetches and waits for them.
func (s *Scheduler) Close() { s.keys.close() }

// Verify accepts a Google-signed token of the configured account for the
// configured audience. Errors: [ErrUnauthenticated], [ErrForbidden] for a
// genuine token of another account, [*license.UnavailableError] when Google's
// keys cannot be had.
//
// The validator checks signature and audience. Issuer, account and a future iat
// it leaves to its caller.
func (s *Scheduler) Verify(ctx context.Context, bearer string) error {
	claims, err := s.genuine(ctx, bearer)
	if err != nil {
		return err
	}
	return s.checkAccount(claims)
}

// genuine are the claims of a token that Google signed for the audience.
func (s *Scheduler) genuine(ctx context.Context, bearer string) (claimSet, error) {
	claims, err := parseToken(bearer)
	if err != nil {
		return nil, err
	}
	if err := claims.checkLifetime(s.now()); err != nil {
		return nil, err
	}
	if strings.HasSuffix(bearer, "."+removedSignature) {
		return claims, s.checkedByIAM(claims)
	}
	if _, err := s.keys.get(ctx); err != nil {
		return nil, unavailable(err)
	}
	if _, err := s.validator.Validate(ctx, bearer, s.audience); err != nil {
		if ctx.Err() != nil {
			return nil, unavailable(ctx.Err())
		}
		return nil, refuse("not signed by Google for this audience")
	}
	return claims, nil
}

// removedSignature stands in place of the signature of a token that Cloud Run
// has checked, so that the service that receives it cannot use it elsewhere.
const removedSignature = "SIGNATURE_REMOVED_BY_GOOGLE"

// longestToken is the life of Google's OIDC tokens. A longer one was not signed by
// Google, whatever stands in place of its signature.
const longestToken = time.Hour

// checkedByIAM judges a token whose signature only Cloud Run has seen. That it has
// is certain for the Authorization header of a request without an
// X-Serverless-Authorization header alone, which shared/web refuses.
func (s *Scheduler) checkedByIAM(c claimSet) error {
	iat, _ := c.seconds("iat")
	exp, _ := c.seconds("exp")
	if exp-iat > int64(longestToken/time.Second) {
		return refuse("a token without a signature that is good for longer than an hour")
	}
	if !s.iamChecked {
		return refuse("Cloud Run has removed the signature, and REAPER_IAM_CHECKED does not say that its check counts")
	}
	if aud, _ := c.text("aud"); aud != s.audience {
		return refuse("not for this audience")
	}
	return nil
}

// checkAccount runs on verified claims. Google signs with both spellings of the
// issuer. https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken
func (s *Scheduler) checkAccount(c claimSet) error {
	email, err := c.googleAccount()
	if err == nil && email != s.account {
		err = ErrForbidden
	}
	return err
}

// googleAccount is the verified address in claims that Google signed.
func (c claimSet) googleAccount() (string, error) {
	if iss, _ := c.text("iss"); iss != "https://accounts.google.com" && iss != "accounts.google.com" {
		return "", refuse("not issued by Google accounts")
	}
	email, _ := c.text("email")
	var verified bool
	if json.Unmarshal(c["email_verified"], &verified) != nil || !verified || email == "" {
		return "", ErrForbidden
	}
	return email, nil
}

package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/auth/credentials/idtoken"
)

// googleConfig is what [SchedulerConfig] and [StaffConfig] have in common.
type googleConfig struct {
	audience   string
	iamChecked bool
	keyClient  *http.Client
	deadline   time.Duration
	now        func() time.Time
}

// googleTokens verifies Google's ID tokens for one audience, whoever's they are. Who
// may call is left to [Scheduler] and [Staff]. It is safe for concurrent use.
type googleTokens struct {
	audience   string
	iamChecked bool
	now        func() time.Time
	keys       *keyCache
	validator  *idtoken.Validator
}

// newGoogleTokens fetches nothing yet.
func newGoogleTokens(cfg googleConfig) (*googleTokens, error) {
	if cfg.keyClient == nil {
		cfg.keyClient = newKeyClient()
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	keys := newKeyCache(serviceKeysURL, cfg.keyClient, checkKeySet, cmp.Or(cfg.deadline, defaultDeadline), cfg.now)
	validator, err := idtoken.NewValidator(&idtoken.ValidatorOptions{
		Client:        &http.Client{Transport: keys},
		RS256CertsURL: serviceKeysURL,
	})
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return &googleTokens{audience: cfg.audience, iamChecked: cfg.iamChecked, now: cfg.now, keys: keys, validator: validator}, nil
}

// Close ends key fetches and waits for them.
func (g *googleTokens) Close() { g.keys.close() }

// account is the verified address in a token that Google signed for the audience.
// Errors: [ErrUnauthenticated], [ErrForbidden] for a genuine token without such an
// address, [*license.UnavailableError] when Google's keys cannot be had.
//
// The validator checks signature and audience. Issuer, account and a future iat
// it leaves to its caller.
func (g *googleTokens) account(ctx context.Context, bearer string) (email string, claims claimSet, err error) {
	claims, err = g.genuine(ctx, bearer)
	if err != nil {
		return "", nil, err
	}
	email, err = claims.googleAccount()
	return email, claims, err
}

// genuine are the claims of a token that Google signed for the audience.
func (g *googleTokens) genuine(ctx context.Context, bearer string) (claimSet, error) {
	claims, err := parseToken(bearer)
	if err != nil {
		return nil, err
	}
	if err := claims.checkLifetime(g.now()); err != nil {
		return nil, err
	}
	if strings.HasSuffix(bearer, "."+removedSignature) {
		return claims, g.checkedByIAM(claims)
	}
	if _, err := g.keys.get(ctx); err != nil {
		return nil, unavailable(err)
	}
	if _, err := g.validator.Validate(ctx, bearer, g.audience); err != nil {
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
func (g *googleTokens) checkedByIAM(c claimSet) error {
	iat, _ := c.seconds("iat")
	exp, _ := c.seconds("exp")
	if exp-iat > int64(longestToken/time.Second) {
		return refuse("a token without a signature that is good for longer than an hour")
	}
	if !g.iamChecked {
		return refuse("Cloud Run has removed the signature, and the configuration does not say that its check counts")
	}
	if aud, _ := c.text("aud"); aud != g.audience {
		return refuse("not for this audience")
	}
	return nil
}

// googleAccount is the verified address in claims that Google signed, with either
// spelling of the issuer.
// https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken
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

package identity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"firebase.google.com/go/v4/auth"
	"firebase.google.com/go/v4/errorutils"
	"google.golang.org/api/option"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// emulatorVariable makes the Admin SDK accept unsigned tokens.
// https://firebase.google.com/docs/emulator-suite/connect_auth#id_tokens
const emulatorVariable = "FIREBASE_AUTH_EMULATOR_HOST"

// defaultCacheSize holds the callers of 10,000 tokens in 2–3 MiB.
const defaultCacheSize = 10_000

// Config says which project's users are callers. Only ProjectID is required.
type Config struct {
	// ProjectID is the Google Cloud project of Identity Platform; tokens of
	// every other project are refused.
	ProjectID string
	// KeyClient fetches Google's certificates. Nil: a client of its own that
	// honours HTTPS_PROXY.
	KeyClient *http.Client
	// Deadline bounds a fetch of certificates, and a revocation check with its
	// retries. 0: 3 s.
	Deadline time.Duration
	// CheckRevoked makes [Verifier.VerifyFresh] ask Identity Platform whether
	// the token was revoked or its user disabled: one RPC per call.
	CheckRevoked bool
	// CacheSize is how many verified tokens are remembered; 0 means 10,000.
	CacheSize int
	// Now is the clock tokens are judged by; nil means time.Now.
	Now func() time.Time
	// ClientOptions are for the client that checks revocation (credentials,
	// or option.WithHTTPClient); unused without CheckRevoked. Endpoints cannot
	// be set: the Admin SDK has its own.
	ClientOptions []option.ClientOption
}

func (c Config) validate() error {
	var faults []error
	if c.ProjectID == "" {
		faults = append(faults, errors.New("identity: no project id"))
	}
	if c.CacheSize < 0 {
		faults = append(faults, errors.New("identity: negative cache size"))
	}
	if _, set := os.LookupEnv(emulatorVariable); set {
		faults = append(faults, fmt.Errorf("identity: %s turns signature checks off and must not be set", emulatorVariable))
	}
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	if c.KeyClient == nil {
		c.KeyClient = newKeyClient()
	}
	c.Deadline = cmp.Or(c.Deadline, defaultDeadline)
	if c.CacheSize == 0 {
		c.CacheSize = defaultCacheSize
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// newKeyClient is for one request every few hours: no connection is kept.
func newKeyClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true},
	}
}

// Verifier turns ID tokens into callers. It is safe for concurrent use.
type Verifier struct {
	now          func() time.Time
	project      string
	checkRevoked bool
	keys         *keyCache
	client       *auth.Client
	cache        *tokenCache
}

// New builds a verifier and fetches nothing yet. Call it at start, before
// other goroutines use [http.DefaultTransport], which it exchanges for a moment
// (see adminsdk.go). It fails on a faulty configuration and wherever
// FIREBASE_AUTH_EMULATOR_HOST is set, whatever its value.
func New(ctx context.Context, cfg Config) (*Verifier, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	rpc := refusingClient()
	if cfg.CheckRevoked {
		var err error
		if rpc, err = newRPCClient(ctx, cfg.ClientOptions); err != nil {
			return nil, fmt.Errorf("identity: %w", err)
		}
	}
	cache, err := newTokenCache(cfg.CacheSize)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	keys := newKeyCache(userKeysURL, cfg.KeyClient, checkCertificates, cfg.Deadline, cfg.Now)
	client, err := newAdminClient(ctx, cfg.ProjectID, keys, rpc)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return &Verifier{now: cfg.Now, project: cfg.ProjectID, checkRevoked: cfg.CheckRevoked, keys: keys, client: client, cache: cache}, nil
}

// Close ends certificate fetches and waits for them. Tokens already known are
// still verified; others are answered with [*license.UnavailableError].
func (v *Verifier) Close() { v.keys.close() }

// Verify answers who the bearer of an ID token is. The token comes without the
// "Bearer" scheme. Errors: [ErrUnauthenticated], [ErrTenant],
// [*license.UnavailableError] when Google's certificates cannot be had.
//
// A token verified in the last five minutes is answered from memory. The SDK's
// own checks run on the system clock with 300 s of leeway; the strict ones here
// use Config.Now.
func (v *Verifier) Verify(ctx context.Context, bearer string) (license.Caller, error) {
	if len(bearer) > maxTokenBytes {
		return license.Caller{}, tooLong.refuse()
	}
	key := tokenKey(sha256.Sum256([]byte(bearer)))
	if caller, ok := v.cache.get(key, v.now()); ok {
		return caller, nil
	}
	return v.verify(ctx, bearer, key, v.signature)
}

// VerifyFresh is [Verifier.Verify], and with Config.CheckRevoked also asks
// whether the token was revoked or its user disabled or deleted
// ([ErrUnauthenticated]); a check that cannot be made is
// [*license.UnavailableError]. It is for acquire, where a seat is given; a
// revoked token keeps a seat it has for the hour it lives at most.
func (v *Verifier) VerifyFresh(ctx context.Context, bearer string) (license.Caller, error) {
	if !v.checkRevoked || len(bearer) > maxTokenBytes {
		return v.Verify(ctx, bearer)
	}
	return v.verify(ctx, bearer, sha256.Sum256([]byte(bearer)), v.revocation)
}

// check is one of the Admin SDK's ways to verify a token whose claims were read.
type check func(ctx context.Context, bearer string, claims claimSet) (*auth.Token, error)

// verify goes from cheap to dear: the token's form and times, Google's keys,
// the signature (and revocation), and only then the organization, so that
// nobody learns anything from a token that Google did not sign.
func (v *Verifier) verify(ctx context.Context, bearer string, key tokenKey, by check) (license.Caller, error) {
	now := v.now()
	claims, userID, err := readUserToken(bearer, v.project, now)
	if err != nil {
		return license.Caller{}, err
	}
	if _, err := v.keys.get(ctx); err != nil {
		return license.Caller{}, unavailable(err)
	}
	if _, err := by(ctx, bearer, claims); err != nil {
		return license.Caller{}, translate(err)
	}
	caller, err := claims.caller(userID)
	if err != nil {
		return license.Caller{}, err
	}
	v.cache.put(key, caller, claims.endOfTrust(now, trustFor))
	return caller, nil
}

// readUserToken checks everything about a token that needs no key.
func readUserToken(bearer, project string, now time.Time) (claimSet, string, error) {
	if k := mistaken(bearer, project); k != "" {
		return nil, "", k.refuse()
	}
	claims, err := parseToken(bearer)
	if err != nil {
		return nil, "", err
	}
	if err := errors.Join(claims.checkLifetime(now), claims.checkSignIn(now), claims.checkProvider()); err != nil {
		return nil, "", err
	}
	userID, err := claims.user()
	return claims, userID, err
}

// signature verifies without a call, as long as the keys are fresh.
func (v *Verifier) signature(ctx context.Context, bearer string, _ claimSet) (*auth.Token, error) {
	return v.client.VerifyIDToken(ctx, bearer)
}

// revocation verifies the signature and then asks for the user's state. Users of
// an Identity Platform tenant are found under that tenant only, so they need
// the SDK's client for it. Its name becomes part of a URL: a malformed one gets
// no further than the signature, and is refused afterwards.
func (v *Verifier) revocation(ctx context.Context, bearer string, claims claimSet) (*auth.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, v.keys.rules.Deadline)
	defer cancel()
	firebase := claims.firebase()
	if _, tenanted := firebase["tenant"]; !tenanted {
		return v.client.VerifyIDTokenAndCheckRevoked(ctx, bearer)
	}
	name, _ := firebase.text("tenant")
	if !license.ValidID(name) {
		return v.client.VerifyIDToken(ctx, bearer)
	}
	tenant, err := v.client.TenantManager.AuthForTenant(name)
	if err != nil {
		return nil, err
	}
	return tenant.VerifyIDTokenAndCheckRevoked(ctx, bearer)
}

// translate keeps the kind of an Admin SDK error and drops its text, which
// quotes claims.
func translate(err error) error {
	switch {
	case auth.IsIDTokenExpired(err):
		return expired.refuse()
	case auth.IsIDTokenRevoked(err):
		return revoked.refuse()
	case auth.IsUserDisabled(err), auth.IsUserNotFound(err):
		return noAccount.refuse()
	case auth.IsCertificateFetchFailed(err):
		return unavailable(errors.New("google's keys cannot be had"))
	case auth.IsIDTokenInvalid(err):
		return forged.refuse()
	}
	if resp := errorutils.HTTPResponse(err); resp != nil { //nolint:bodyclose // a copy in memory
		return unavailable(fmt.Errorf("revocation check: status %d", resp.StatusCode))
	}
	return unavailable(errors.New("revocation check: no answer"))
}

package fakeidp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// tokenLifetime is that of Google's tokens.
const tokenLifetime = time.Hour

// Claims describe an Identity Platform ID token. Zero values leave a claim
// out, save the times.
type Claims struct {
	// UserID is the subject.
	UserID string
	// TenantID is the custom claim tenant_id.
	TenantID string
	// FirebaseTenant is Identity Platform's own firebase.tenant.
	FirebaseTenant string
	Email          string
	// Role is the custom claim role.
	Role string
	// IssuedAt is also the sign-in's time; zero means now. ExpiresAt: zero
	// means an hour later.
	IssuedAt, ExpiresAt time.Time
	// Override replaces claims, Header replaces header members; a nil value
	// removes one. They are for tokens Google would never sign.
	Override, Header map[string]any
}

// IDToken signs an ID token and remembers its user, whom accounts:lookup finds
// from then on. It panics if an override is not JSON.
func (i *IDP) IDToken(c Claims) string {
	issued, expires := i.times(c.IssuedAt, c.ExpiresAt)
	firebase := map[string]any{"sign_in_provider": "password", "identities": map[string]any{}}
	set(firebase, "tenant", c.FirebaseTenant)
	claims := map[string]any{
		"iss": "https://securetoken.google.com/" + i.project, "aud": i.project, "sub": c.UserID, "user_id": c.UserID,
		"auth_time": issued, "iat": issued, "exp": expires, "firebase": firebase,
	}
	set(claims, "tenant_id", c.TenantID)
	set(claims, "email", c.Email)
	set(claims, "role", c.Role)

	i.mu.Lock()
	defer i.mu.Unlock()
	i.remember(account{tenant: c.FirebaseTenant, id: c.UserID})
	return i.users.current().sign(claims, c.Override, c.Header)
}

// SchedulerClaims describe the OIDC token of a service account, such as Cloud
// Scheduler sends.
type SchedulerClaims struct {
	// Audience is the job's audience, Email the service account's address.
	Audience, Email string
	// IssuedAt: zero means now. ExpiresAt: zero means an hour later.
	IssuedAt, ExpiresAt time.Time
	// Override and Header are as in [Claims].
	Override, Header map[string]any
}

// SchedulerToken signs an OIDC token. It panics if an override is not JSON.
func (i *IDP) SchedulerToken(c SchedulerClaims) string {
	issued, expires := i.times(c.IssuedAt, c.ExpiresAt)
	claims := map[string]any{
		"iss": "https://accounts.google.com", "aud": c.Audience, "azp": "100000000000000000001", "sub": "100000000000000000001",
		"email": c.Email, "email_verified": true, "iat": issued, "exp": expires,
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.services.current().sign(claims, c.Override, c.Header)
}

// Certificate is the PEM certificate of the key that signs ID tokens: public
// by nature, and what an attacker would try as an HMAC secret.
func (i *IDP) Certificate() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]byte(nil), i.users.current().certificate...)
}

// KeyID names the key that signs ID tokens.
func (i *IDP) KeyID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.users.current().id
}

func (i *IDP) times(issued, expires time.Time) (iat, exp int64) {
	if issued.IsZero() {
		issued = i.now()
	}
	if expires.IsZero() {
		expires = issued.Add(tokenLifetime)
	}
	return issued.Unix(), expires.Unix()
}

// sign makes an RS256 JWS over claims, with both as changed by overrides. What
// the header says of the algorithm can be changed, but not left out.
func (k key) sign(claims, override, header map[string]any) string {
	replace(claims, override)
	members := map[string]any{"typ": "JWT", "kid": k.id}
	replace(members, header)
	var options jose.SignerOptions
	for name, v := range members {
		options.WithHeader(jose.HeaderKey(name), v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: k.private}, &options)
	if err != nil {
		panic(fmt.Sprintf("fakeidp: %v", err))
	}
	signed, err := signer.Sign(encode(claims))
	if err != nil {
		panic(fmt.Sprintf("fakeidp: %v", err))
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		panic(fmt.Sprintf("fakeidp: %v", err))
	}
	return compact
}

// Unsigned is a token with the claims of a genuine one, algorithm none and no
// signature: what an attacker tries first.
func Unsigned(genuine, keyID string) string { return withHeader(genuine, "none", keyID) + "." }

// SignedBySecret is a token with the claims of a genuine one, signed by HS256:
// an attacker's secret would be the public certificate.
func SignedBySecret(genuine, keyID string, secret []byte) string {
	input := withHeader(genuine, "HS256", keyID)
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// withHeader is the signing input of a token with other header and same claims.
func withHeader(genuine, algorithm, keyID string) string {
	claims := strings.Split(genuine, ".")[1]
	header := encode(map[string]any{"alg": algorithm, "kid": keyID, "typ": "JWT"})
	return base64.RawURLEncoding.EncodeToString(header) + "." + claims
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("fakeidp: %v", err))
	}
	return b
}

func replace(m, changes map[string]any) {
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
}

func set(m map[string]any, name, value string) {
	if value != "" {
		m[name] = value
	}
}

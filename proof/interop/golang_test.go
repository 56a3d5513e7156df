package interop

import (
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
)

// answered reads every token of a document with its key set.
func answered(t *testing.T, d document, read func(keys jwk.Set, q question) (answer, error), expired error) map[string]answer {
	t.Helper()
	answers := map[string]answer{}
	for _, q := range d.Cases {
		keys, err := jwk.Parse(d.KeySets[q.KeySet])
		if err != nil {
			t.Fatalf("%s: %v", q.KeySet, err)
		}
		got, err := read(keys, q)
		got.Verdict = "valid"
		if err != nil {
			got = answer{Verdict: "refused", Expired: errors.Is(err, expired), Why: err.Error()}
		}
		answers[q.Name] = got
	}
	return answers
}

func golangJWT(t *testing.T, d document) map[string]answer {
	t.Helper()
	return answered(t, d, func(keys jwk.Set, q question) (answer, error) {
		var claims jwt.RegisteredClaims
		_, err := jwt.ParseWithClaims(q.Token, &claims, func(tok *jwt.Token) (any, error) {
			kid, _ := tok.Header["kid"].(string)
			key, ok := keys.LookupKeyID(kid)
			if !ok {
				return nil, jwt.ErrTokenUnverifiable
			}
			var public any
			err := jwk.Export(key, &public)
			return public, err
		}, jwt.WithValidMethods([]string{"ES256", "RS256"}), jwt.WithStrictDecoding(), jwt.WithIssuer(q.Issuer),
			jwt.WithAudience(q.Audience), jwt.WithExpirationRequired(), jwt.WithLeeway(time.Duration(q.Leeway)*time.Second),
			jwt.WithTimeFunc(func() time.Time { return time.Unix(q.Now, 0) }))
		return answer{Subject: claims.Subject, Session: claims.ID}, err
	}, jwt.ErrTokenExpired)
}

func jwx(t *testing.T, d document) map[string]answer {
	t.Helper()
	return answered(t, d, func(keys jwk.Set, q question) (answer, error) {
		tok, err := jwxjwt.Parse([]byte(q.Token), jwxjwt.WithKeySet(keys), jwxjwt.WithIssuer(q.Issuer),
			jwxjwt.WithAudience(q.Audience), jwxjwt.WithAcceptableSkew(time.Duration(q.Leeway)*time.Second),
			jwxjwt.WithClock(jwxjwt.ClockFunc(func() time.Time { return time.Unix(q.Now, 0) })))
		if err != nil {
			return answer{}, err
		}
		subject, _ := tok.Subject()
		session, _ := tok.JwtID()
		return answer{Subject: subject, Session: session}, nil
	}, jwxjwt.TokenExpiredError())
}

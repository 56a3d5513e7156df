package identity_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/identity"
)

const (
	reaperURL = "https://reaper.example/internal/v1/reap"
	account   = "scheduler@coditect-test.iam.gserviceaccount.com"
)

var genuineJob = fakeidp.SchedulerClaims{Audience: reaperURL, Email: account}

func newScheduler(t *testing.T, idp *fakeidp.IDP) *identity.Scheduler {
	t.Helper()
	s, err := identity.NewScheduler(identity.SchedulerConfig{Audience: reaperURL, ServiceAccount: account, KeyClient: idp.Client()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestSchedulerVerify(t *testing.T) {
	with := func(override map[string]any) fakeidp.SchedulerClaims {
		c := genuineJob
		c.Override = override
		return c
	}
	at := func(issued, expires time.Duration) fakeidp.SchedulerClaims {
		c := genuineJob
		c.IssuedAt, c.ExpiresAt = time.Now().Add(issued), time.Now().Add(expires)
		return c
	}
	synctest.Test(t, func(t *testing.T) {
		idp := newIDP(t)
		s := newScheduler(t, idp)
		for name, tt := range map[string]struct {
			claims fakeidp.SchedulerClaims
			want   error
		}{
			"genuine":                {genuineJob, nil},
			"other issuer spelling":  {with(map[string]any{"iss": "accounts.google.com"}), nil},
			"last second":            {at(-time.Hour, time.Second), nil},
			"issuer a minute ahead":  {at(time.Minute, time.Hour), nil},
			"expires now":            {at(-time.Hour, 0), identity.ErrUnauthenticated},
			"expired a second ago":   {at(-time.Hour, -time.Second), identity.ErrUnauthenticated},
			"issued in the future":   {at(61*time.Second, time.Hour), identity.ErrUnauthenticated},
			"no exp":                 {with(map[string]any{"exp": nil}), identity.ErrUnauthenticated},
			"foreign issuer":         {with(map[string]any{"iss": "https://accounts.example.com"}), identity.ErrUnauthenticated},
			"issuer with a slash":    {with(map[string]any{"iss": "https://accounts.google.com/"}), identity.ErrUnauthenticated},
			"no issuer":              {with(map[string]any{"iss": nil}), identity.ErrUnauthenticated},
			"other audience":         {with(map[string]any{"aud": reaperURL + "/"}), identity.ErrUnauthenticated},
			"no audience":            {with(map[string]any{"aud": nil}), identity.ErrUnauthenticated},
			"audience a list":        {with(map[string]any{"aud": []string{reaperURL}}), identity.ErrUnauthenticated},
			"second audience":        {with(map[string]any{"aud": "other", "AUD": reaperURL}), identity.ErrUnauthenticated},
			"other account":          {with(map[string]any{"email": "x@coditect-test.iam.gserviceaccount.com"}), identity.ErrForbidden},
			"no account":             {with(map[string]any{"email": nil}), identity.ErrForbidden},
			"account in upper case":  {with(map[string]any{"email": strings.ToUpper(account)}), identity.ErrForbidden},
			"account only as Email":  {with(map[string]any{"email": nil, "Email": account}), identity.ErrForbidden},
			"unverified":             {with(map[string]any{"email_verified": false}), identity.ErrForbidden},
			"verification left out":  {with(map[string]any{"email_verified": nil}), identity.ErrForbidden},
			"verification as a text": {with(map[string]any{"email_verified": "true"}), identity.ErrForbidden},
		} {
			err := s.Verify(t.Context(), idp.SchedulerToken(tt.claims))
			if tt.want == nil && err != nil {
				t.Errorf("%s: %v", name, err)
			} else if tt.want != nil {
				wantError(t, err, tt.want)
			}
			wantSilent(t, err, account, reaperURL)
			if t.Failed() {
				t.Fatalf("in case %q", name)
			}
		}
	})
}

// TestSchedulerBehindIAM: Cloud Run takes the signature off what it has checked.
// Such a token is taken where the configuration says so, and only for what the
// signed one would be; a forged signature never is.
func TestSchedulerBehindIAM(t *testing.T) {
	idp := newIDP(t)
	behind, err := identity.NewScheduler(identity.SchedulerConfig{
		Audience: reaperURL, ServiceAccount: account, KeyClient: idp.Client(), IAMChecked: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(behind.Close)
	stripped := func(override map[string]any) string {
		c := genuineJob
		c.Override = override
		signed := idp.SchedulerToken(c)
		return signed[:strings.LastIndexByte(signed, '.')+1] + "SIGNATURE_REMOVED_BY_GOOGLE"
	}
	wantError(t, newScheduler(t, idp).Verify(t.Context(), stripped(nil)), identity.ErrUnauthenticated)

	foreign := newIDP(t).SchedulerToken(genuineJob)
	for name, tt := range map[string]struct {
		token string
		want  error
	}{
		"checked by Cloud Run":    {stripped(nil), nil},
		"signed":                  {idp.SchedulerToken(genuineJob), nil},
		"another issuer's key":    {foreign, identity.ErrUnauthenticated},
		"no signature":            {foreign[:strings.LastIndexByte(foreign, '.')+1], identity.ErrUnauthenticated},
		"something else instead":  {foreign[:strings.LastIndexByte(foreign, '.')+1] + "SIGNATURE_REMOVED_BY_GOOGLEA", identity.ErrUnauthenticated},
		"expired":                 {stripped(map[string]any{"exp": time.Now().Unix() - 1}), identity.ErrUnauthenticated},
		"other audience":          {stripped(map[string]any{"aud": reaperURL + "/"}), identity.ErrUnauthenticated},
		"no audience":             {stripped(map[string]any{"aud": nil}), identity.ErrUnauthenticated},
		"foreign issuer":          {stripped(map[string]any{"iss": "https://accounts.example.com"}), identity.ErrUnauthenticated},
		"other account":           {stripped(map[string]any{"email": "x@coditect-test.iam.gserviceaccount.com"}), identity.ErrForbidden},
		"good for a day":          {stripped(map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()}), identity.ErrUnauthenticated},
		"good for ever":           {stripped(map[string]any{"exp": int64(1) << 62}), identity.ErrUnauthenticated},
		"issued at the beginning": {stripped(map[string]any{"iat": 1}), identity.ErrUnauthenticated},
		"unverified":              {stripped(map[string]any{"email_verified": false}), identity.ErrForbidden},
	} {
		err := behind.Verify(t.Context(), tt.token)
		if tt.want == nil {
			wantOK(t, err)
		} else {
			wantError(t, err, tt.want)
		}
		if t.Failed() {
			t.Fatalf("in case %q", name)
		}
	}
}

func TestSchedulerRefusesSpellings(t *testing.T) {
	idp := newIDP(t)
	s := newScheduler(t, idp)
	genuine := idp.SchedulerToken(genuineJob)
	if err := s.Verify(t.Context(), genuine); err != nil {
		t.Fatal(err)
	}
	for name, token := range spellings(genuine) {
		t.Run(name, func(t *testing.T) {
			wantError(t, s.Verify(t.Context(), token), identity.ErrUnauthenticated)
		})
	}
}

func TestSchedulerRefusesForgeries(t *testing.T) {
	idp := newIDP(t)
	s := newScheduler(t, idp)
	genuine := idp.SchedulerToken(genuineJob)
	with := func(override, header map[string]any) string {
		c := genuineJob
		c.Override, c.Header = override, header
		return idp.SchedulerToken(c)
	}
	for name, token := range map[string]string{
		"signed, but over 32 KiB": with(map[string]any{"padding": strings.Repeat("a", 32<<10)}, nil),
		"signed, with crit":       with(nil, map[string]any{"crit": []string{"exp"}}),
		"signed, with Alg":        with(nil, map[string]any{"Alg": "RS256"}),
		"signed, as RS384":        with(nil, map[string]any{"alg": "RS384"}),
		"unknown kid":             with(nil, map[string]any{"kid": "0000"}),
		"another issuer's key":    newIDP(t).SchedulerToken(genuineJob),
		"HS256":                   fakeidp.SignedBySecret(genuine, idp.KeyID(), idp.Certificate()),
		"none":                    fakeidp.Unsigned(genuine, idp.KeyID()),
		"changed account":         payload(t, genuine, func(c map[string]any) { c["email"] = "x@y.example" }),
		"user's token": idp.IDToken(fakeidp.Claims{UserID: "u-1", Override: map[string]any{
			"iss": "https://accounts.google.com", "aud": reaperURL, "email": account, "email_verified": true,
		}}),
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, s.Verify(t.Context(), token), identity.ErrUnauthenticated)
		})
	}
}

func TestNewSchedulerTellsEveryFault(t *testing.T) {
	_, err := identity.NewScheduler(identity.SchedulerConfig{})
	for _, want := range []string{"audience", "service account"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not tell of the %s", err, want)
		}
	}
}

package web_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// TestTooManyAreTurnedAway at once and retryably: one organization's before it has
// all places, everybody's when there is none. Probes and public documents still get in.
func TestTooManyAreTurnedAway(t *testing.T) {
	const limit, share = 5, 4
	inside, leave := make(chan struct{}), make(chan struct{})
	app := web.NewApp(web.Options{MaxInFlight: limit},
		users(func(_ context.Context, bearer string) (license.Caller, error) {
			return license.Caller{OrganizationID: bearer, UserID: "u"}, nil
		}),
		web.Handle(releasing(), func(context.Context, web.Call, struct{}) (web.Answer, error) {
			inside <- struct{}{}
			<-leave
			return web.Answer{Status: http.StatusNoContent}, nil
		}),
		web.Handle(keySet(), func(context.Context, web.Call, struct{}) (web.Answer, error) { return web.Answer{}, nil }),
	)
	b := &bench{app: app}
	release := func(org string) int {
		w := b.do(http.MethodDelete, api.SessionPath(sessionID), "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+org) })
		if w.Code == http.StatusServiceUnavailable {
			problem(t, w, api.Unavailable)
			if w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
		return w.Code
	}
	var all sync.WaitGroup
	enter := func(org string) {
		all.Go(func() {
			if code := release(org); code != http.StatusNoContent {
				t.Errorf("%s: status %d", org, code)
			}
		})
		<-inside
	}
	for range share {
		enter("acme")
	}
	if code := release("acme"); code != http.StatusServiceUnavailable {
		t.Errorf("beyond its share: status %d", code)
	}
	enter("globex")
	if code := release("initech"); code != http.StatusServiceUnavailable {
		t.Errorf("beyond all places: status %d", code)
	}
	for _, path := range []string{"/live", "/ready", api.PathJWKS} {
		if w := b.do(http.MethodGet, path, ""); w.Code != http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	close(leave)
	all.Wait()
	go func() { <-inside }()
	if code := release("acme"); code != http.StatusNoContent {
		t.Errorf("after they left: status %d", code)
	}
}

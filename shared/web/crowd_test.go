package web_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/api"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// TestACrowdIsTurnedAway at once and retryably, while probes and public
// documents still get in.
func TestACrowdIsTurnedAway(t *testing.T) {
	const limit = 3
	b := newBench(t, func(o *web.Options) { o.MaxInFlight = limit })
	inside, leave := make(chan struct{}), make(chan struct{})
	b.release.do = func(context.Context) {
		inside <- struct{}{}
		<-leave
	}
	var all sync.WaitGroup
	for range limit {
		all.Go(func() { b.do(http.MethodDelete, api.SessionPath(sessionID), "") })
		<-inside
	}
	w := b.do(http.MethodDelete, api.SessionPath(sessionID), "")
	problem(t, w, api.Unavailable)
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for _, path := range []string{"/live", "/ready", api.PathJWKS} {
		if w := b.do(http.MethodGet, path, ""); w.Code != http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	close(leave)
	all.Wait()
	b.release.do = nil
	if w := b.do(http.MethodDelete, api.SessionPath(sessionID), ""); w.Code != http.StatusOK {
		t.Errorf("after the crowd: status %d: %s", w.Code, w.Body)
	}
}

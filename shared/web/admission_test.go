package web_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// hall is an App whose releases stay inside until they are let go. Its tokens are
// ORGANIZATION.USER.
type hall struct {
	*bench
	t             *testing.T
	inside, leave chan struct{}
	all           sync.WaitGroup
}

func named(_ context.Context, bearer string) (license.Caller, error) {
	org, user, _ := strings.Cut(bearer, ".")
	return license.Caller{OrganizationID: org, UserID: user}, nil
}

func newHall(t *testing.T, limit int) *hall {
	h := &hall{t: t, inside: make(chan struct{}), leave: make(chan struct{})}
	h.bench = &bench{app: web.NewApp(web.Options{MaxInFlight: limit}, users(named),
		web.Handle(releasing(), func(context.Context, web.Call, struct{}) (web.Answer, error) {
			h.inside <- struct{}{}
			<-h.leave
			return web.Answer{Status: http.StatusNoContent}, nil
		}),
		web.Handle(keySet(), func(context.Context, web.Call, struct{}) (web.Answer, error) { return web.Answer{}, nil }),
	)}
	return h
}

func (h *hall) release(caller string) int {
	w := h.do(http.MethodDelete, api.SessionPath(sessionID), "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+caller) })
	if code := map[int]api.Code{503: api.Unavailable, 429: api.RateLimited}[w.Code]; code != "" {
		problem(h.t, w, code)
		if w.Header().Get("Retry-After") == "" {
			h.t.Error("no Retry-After")
		}
	}
	return w.Code
}

// enter brings n users of the organization inside.
func (h *hall) enter(org string, n int) {
	for i := range n {
		h.all.Go(func() {
			if code := h.release(org + "." + strconv.Itoa(i)); code != http.StatusNoContent {
				h.t.Errorf("%s: status %d", org, code)
			}
		})
		<-h.inside
	}
}

// refuses checks that nobody else of the organization gets in.
func (h *hall) refuses(caller string, status int) {
	h.t.Helper()
	if code := h.release(caller); code != status {
		h.t.Errorf("%s: status %d, want %d", caller, code, status)
	}
}

func (h *hall) empty() {
	close(h.leave)
	h.all.Wait()
}

// TestPlacesAreSharedOut: an organization alone comes to half of all places, and to
// a fifth beside others; what is free is there for the next one, whoever came
// before. Probes and public documents always get in.
func TestPlacesAreSharedOut(t *testing.T) {
	h := newHall(t, 20)
	h.enter("acme", 10)
	h.refuses("acme.late", http.StatusServiceUnavailable)
	h.enter("globex", 4)
	h.refuses("globex.late", http.StatusServiceUnavailable)
	h.enter("initech", 3) // of six
	h.refuses("initech.late", http.StatusServiceUnavailable)
	h.enter("hooli", 2) // of three
	h.enter("victim", 1)
	h.refuses("victim.late", http.StatusServiceUnavailable)
	h.refuses("nobody.0", http.StatusServiceUnavailable) // all twenty are taken
	for _, path := range []string{"/live", "/ready", api.PathJWKS} {
		if w := h.do(http.MethodGet, path, ""); w.Code != http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	h.empty()
	go func() { <-h.inside }()
	if code := h.release("acme.0"); code != http.StatusNoContent {
		t.Errorf("after they left: status %d", code)
	}
}

// TestPlacesOfOneUser: sixteen, however many are free, and it is the user's own doing.
func TestPlacesOfOneUser(t *testing.T) {
	h := newHall(t, 1000)
	for range 16 {
		h.all.Go(func() { h.release("acme.ann") })
		<-h.inside
	}
	h.refuses("acme.ann", http.StatusTooManyRequests)
	h.enter("acme", 1)
	h.empty()
}

// TestManyGreedyOrganizations want all they can get, in turns: however many they
// are, the next one gets in.
func TestManyGreedyOrganizations(t *testing.T) {
	for _, organizations := range []int{2, 3, 10, 30} {
		h := newHall(t, 1000)
		entered := 0
		for i := 0; ; i++ {
			caller := "org-" + strconv.Itoa(i%organizations) + "." + strconv.Itoa(i)
			got := make(chan int, 1)
			h.all.Go(func() { got <- h.release(caller) })
			select {
			case <-h.inside:
				entered++
				continue
			case code := <-got:
				if code != http.StatusServiceUnavailable {
					t.Errorf("%s: status %d", caller, code)
				}
			}
			break
		}
		t.Logf("%d organizations came to %d places of 1000", organizations, entered)
		h.enter("victim", 10)
		h.empty()
	}
}

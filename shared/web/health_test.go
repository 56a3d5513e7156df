package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// TestOneLookASecond is shared by all who ask, also while it is under way; each
// probe has its own, of the checks it is for.
func TestOneLookASecond(t *testing.T) {
	var mu sync.Mutex
	now := time.Unix(1_800_000_000, 0)
	tried := map[string]*atomic.Int64{"redis": {}, "firestore": {}}
	var down atomic.Bool
	check := func(name string) web.Check {
		return func(context.Context) error {
			tried[name].Add(1)
			if down.Load() {
				return errors.New("READONLY")
			}
			return nil
		}
	}
	b := newBench(t, func(o *web.Options) {
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		o.Checks = map[string]web.Check{"redis": check("redis"), "firestore": check("firestore")}
		o.StartNeeds = []string{"redis"}
	})
	want := func(path string, status int, redis, firestore int64) {
		t.Helper()
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if w := b.do(http.MethodGet, path, ""); w.Code != status {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
			})
		}
		all.Wait()
		if r, f := tried["redis"].Load(), tried["firestore"].Load(); r != redis || f != firestore {
			t.Errorf("%s: redis was tried %d times, firestore %d; want %d and %d", path, r, f, redis, firestore)
		}
	}
	want(api.PathReady, 200, 1, 1)
	want(api.PathStartup, 200, 2, 1)
	down.Store(true)
	want(api.PathReady, 200, 2, 1)
	mu.Lock()
	now = now.Add(time.Second)
	mu.Unlock()
	want(api.PathReady, 503, 3, 2)
	want(api.PathStartup, 503, 4, 2)
	// Everybody's line says why, whoever looked.
	for _, line := range b.lines(t) {
		if line["severity"] != "DEBUG" && line["check_redis"] != "READONLY" {
			t.Errorf("line %v", line)
		}
	}
}

// TestAStartNeedsAll unless it says less.
func TestAStartNeedsAll(t *testing.T) {
	b := newBench(t, func(o *web.Options) {
		o.Checks = map[string]web.Check{
			"redis":     func(context.Context) error { return nil },
			"firestore": func(context.Context) error { return errors.New("away") },
		}
	})
	w := b.do(http.MethodGet, api.PathStartup, "")
	if w.Code != http.StatusServiceUnavailable || strings.TrimSpace(w.Body.String()) != `{"status":"failed","checks":{"firestore":"failed","redis":"ok"}}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

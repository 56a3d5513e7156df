package record_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// asked is what a decision is answered in one situation.
type asked struct {
	seats int // 1: what was cached, 2: what the store has, 0: nothing
	took  time.Duration
}

// decision is a row of the table in docs/architecture.md, "How old an answer a
// decision may use".
type decision struct {
	name      string
	freshness record.Freshness
	// file asks for it, under this name.
	file, uses string
	// What it is answered; every entry but the first has run out.
	young, slow, hangs, away, tooOld asked
}

func decisions() []decision {
	const patience, load = 500 * time.Millisecond, time.Second
	return []decision{
		{
			name: "which terms an acquire gets", freshness: record.Usual, file: "acquire/acquire.go", uses: "Usual",
			young: asked{1, 0}, slow: asked{2, 700 * time.Millisecond}, hangs: asked{1, load}, away: asked{1, 0}, tooOld: asked{0, load},
		},
		{
			name: "what a customer is told that it has", freshness: record.Usual, file: "admin/mine.go", uses: "Usual",
			young: asked{1, 0}, slow: asked{2, 700 * time.Millisecond}, hangs: asked{1, load}, away: asked{1, 0}, tooOld: asked{0, load},
		},
		{
			name: "whether a heartbeat may go on", freshness: record.Hurried, file: "heartbeat/heartbeat.go", uses: "Hurried",
			young: asked{1, 0}, slow: asked{1, patience}, hangs: asked{1, patience}, away: asked{1, 0}, tooOld: asked{0, load},
		},
		{
			name: "whether a release's organization exists", freshness: record.Hurried, file: "release/release.go", uses: "Hurried",
			young: asked{1, 0}, slow: asked{1, patience}, hangs: asked{1, patience}, away: asked{1, 0}, tooOld: asked{0, load},
		},
		{
			name: "whether an acquire is sent away", freshness: record.Now, file: "acquire/acquire.go", uses: "Now",
			young: asked{2, 0}, slow: asked{2, 700 * time.Millisecond}, hangs: asked{0, load}, away: asked{0, 0}, tooOld: asked{0, load},
		},
		{
			name: "whether a seat is lost", freshness: record.Now, file: "heartbeat/heartbeat.go", uses: "Now",
			young: asked{2, 0}, slow: asked{2, 700 * time.Millisecond}, hangs: asked{0, load}, away: asked{0, 0}, tooOld: asked{0, load},
		},
	}
}

// TestWhatADecisionIsAnswered, in each situation of the table.
func TestWhatADecisionIsAnswered(t *testing.T) {
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return recordtest.Outage(nil)
	}
	for _, d := range decisions() {
		for name, situation := range map[string]struct {
			age   time.Duration
			store func(context.Context) error // nil: it answers at once
			want  asked
		}{
			"the entry is young":           {ttl - 1, nil, d.young},
			"the store takes 0.7 s":        {ttl, func(context.Context) error { <-time.After(700 * time.Millisecond); return nil }, d.slow},
			"the store hangs":              {record.StaleFor - 1, hang, d.hangs},
			"the store is away":            {record.StaleFor - 1, func(context.Context) error { return recordtest.Outage(nil) }, d.away},
			"hangs, and the entry too old": {record.StaleFor, hang, d.tooOld},
		} {
			t.Run(d.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					rig := newCacheRig(t)
					rig.want(1, 1)
					rig.put(2)
					rig.pass(situation.age)
					if situation.store != nil {
						rig.failWith(situation.store)
					}
					began := time.Now() // the bubble's clock
					e, _ := rig.Get(t.Context(), acme(), d.freshness)
					if got := (asked{e.Organization.MaxConcurrentSeats, time.Since(began)}); got != situation.want {
						t.Errorf("answered %+v, want %+v", got, situation.want)
					}
					<-time.After(time.Second) // the load ends by itself
				})
			})
		}
	}
}

// TestDecisionsAskAsTheTableSays: the functions ask for entitlements at these
// places, with this freshness, and nowhere else.
func TestDecisionsAskAsTheTableSays(t *testing.T) {
	root := filepath.Join("..", "..", "functions")
	want, got := map[string][]string{}, map[string][]string{}
	for _, d := range decisions() {
		want[d.file] = append(want[d.file], d.uses)
	}
	ask := regexp.MustCompile(`Entitlements\.Get\([^()]*, record\.(\w+)\)`)
	files, err := filepath.Glob(filepath.Join(root, "*", "*.go"))
	must(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		must(t, err)
		name, err := filepath.Rel(root, file)
		must(t, err)
		for _, m := range ask.FindAllSubmatch(source, -1) {
			got[filepath.ToSlash(name)] = append(got[filepath.ToSlash(name)], string(m[1]))
		}
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the functions ask %v, the table says %v", got, want)
	}
}

// TestNowSharesNoLoad: a load that is under way may have read the store before
// what is asked about was changed, also if it is another's Now.
func TestNowSharesNoLoad(t *testing.T) {
	for name, earlier := range map[string]record.Freshness{"Usual": record.Usual, "Hurried": record.Hurried, "Now": record.Now} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory, hold := record.NewMemory(), make(chan struct{})
				reads := 0
				faulty := &recordtest.Faulty{Record: memory, After: func(_ context.Context, method string, err error) error {
					if method != "Entitlements" {
						return err
					}
					if reads++; reads == 1 {
						<-hold // it has read, and its answer is on the way
					}
					return err
				}}
				put := func(seats int) {
					must(t, memory.PutOrganization(t.Context(), acme(), license.Organization{MaxConcurrentSeats: seats}))
				}
				cache := record.NewCache(faulty, record.CacheOptions{TTL: ttl, Now: time.Now})
				put(1)
				first := make(chan license.Entitlements, 1)
				go func() {
					e, _ := cache.Get(t.Context(), acme(), earlier)
					first <- e
				}()
				synctest.Wait()
				put(2)
				if e, err := cache.Get(t.Context(), acme(), record.Now); err != nil || e.Organization.MaxConcurrentSeats != 2 {
					t.Errorf("answered %+v, %v: read before it was asked", e.Organization, err)
				}
				close(hold)
				if e := <-first; e.Organization.MaxConcurrentSeats != 1 {
					t.Errorf("the earlier one is answered %+v", e.Organization)
				}
				if e, err := cache.Get(t.Context(), acme(), record.Usual); err != nil || e.Organization.MaxConcurrentSeats != 2 {
					t.Errorf("cached: %+v, %v; the older answer came later and must not replace the newer", e.Organization, err)
				}
			})
		})
	}
}

package record_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/firestore"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/usage"
)

// cost is what a method may cost on the wire; docs/architecture.md promises it.
type cost struct {
	name          string
	call          func(ctx context.Context) error
	calls         map[string]int
	reads, writes int
}

// TestBudget runs the methods one after the other and counts.
func TestBudget(t *testing.T) {
	r, w := wired(t)
	for _, step := range slices.Concat(ledgerCosts(r), sessionCosts(r), listCosts(r), signingCosts(r), usageCosts(r)) {
		must(t, step.call(t.Context()))
		wantCost(t, w, step)
	}
}

// TestNothingIsSentInVain: what is refused for its form is not even asked about.
func TestNothingIsSentInVain(t *testing.T) {
	r, w := wired(t)
	for name, call := range map[string]func(ctx context.Context) error{
		"too many ends": func(ctx context.Context) error { return r.End(ctx, acme(), first(), ends(record.MaxEnds+1)) },
		"a broken end":  func(ctx context.Context) error { return r.End(ctx, acme(), first(), []record.End{{}}) },
		"a broken id":   func(ctx context.Context) error { return errorOf(r.Session(ctx, acme(), "a/b")) },
	} {
		if err := call(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
		wantCost(t, w, cost{name: name})
	}
	must(t, r.End(t.Context(), acme(), first(), nil))
	wantCost(t, w, cost{name: "no ends"})
}

func wantCost(t *testing.T, w *wire, want cost) {
	t.Helper()
	calls, reads, writes := w.spent()
	if !maps.Equal(calls, want.calls) || reads != want.reads || writes != want.writes {
		t.Errorf("%s: %v, %d read, %d written; want %v, %d, %d",
			want.name, calls, reads, writes, want.calls, want.reads, want.writes)
	}
}

// transaction is the calls of every transaction that succeeds at once.
func transaction() map[string]int {
	return map[string]int{"BeginTransaction": 1, "BatchGetDocuments": 1, "Commit": 1}
}

func ledgerCosts(r record.Record) []cost {
	openEpoch := func(ctx context.Context) error { return errorOf(r.OpenEpoch(ctx, acme(), "nonce-1")) }
	return []cost{
		{"open an epoch", openEpoch, transaction(), 1, 1},
		{"open it again", openEpoch, transaction(), 1, 0},
	}
}

func sessionCosts(r record.Record) []cost {
	create := func(ctx context.Context) error { return r.Create(ctx, acme(), grant()) }
	again := map[string]int{"BeginTransaction": 1, "BatchGetDocuments": 2, "Commit": 1, "Rollback": 1}
	end := func(ctx context.Context) error { return r.End(ctx, acme(), first(), ends(3)) }
	session := func(ctx context.Context) error { return errorOf(r.Session(ctx, acme(), sessionID)) }
	return []cost{
		{"create", create, transaction(), 1, 1},
		{"create again", create, again, 2, 1},
		{"end three", end, transaction(), 4, 3},
		{"end them again", end, transaction(), 4, 0},
		{"session", session, map[string]int{"BatchGetDocuments": 1}, 1, 0},
	}
}

func listCosts(r record.Record) []cost {
	query := map[string]int{"RunQuery": 1}
	put := func(ctx context.Context) error { return r.PutOrganization(ctx, acme(), license.Organization{}) }
	putLicense := func(ctx context.Context) error { return r.PutLicense(ctx, acme(), license.License{ID: "l"}) }
	entitlements := func(ctx context.Context) error { return errorOf(r.Entitlements(ctx, acme())) }
	count := func(ctx context.Context) error { return errorOf(r.CountActive(ctx, acme())) }
	list := func(ctx context.Context) error { return r.ActiveSessions(ctx, acme(), 0, "", nil) }
	spent := func(ctx context.Context) error {
		return r.SpentTokens(ctx, acme(), 0, time.Now().Add(time.Hour), nil)
	}
	organizations := func(ctx context.Context) error { return errorOf(r.OrganizationIDs(ctx, "a", 9)) }
	return []cost{
		{"put an organization", put, map[string]int{"Commit": 1}, 0, 1},
		{"put a license", putLicense, transaction(), 1, 1},
		{"entitlements", entitlements, map[string]int{"BatchGetDocuments": 1, "RunQuery": 1}, 2, 0},
		{"licenses", func(ctx context.Context) error { return errorOf(r.Licenses(ctx, acme())) }, query, 0, 0},
		{"count", count, map[string]int{"RunAggregationQuery": 1}, 0, 0},
		{"list", list, query, 0, 0},
		{"tokens that outlive their sessions", spent, query, 0, 0},
		{"organizations", organizations, query, 0, 0},
		// Of its two writes one cannot be: neither is.
		{"ping", r.Ping, map[string]int{"RunQuery": 1, "BeginTransaction": 1, "Commit": 1, "Rollback": 1}, 0, 2},
	}
}

func signingCosts(r record.Record) []cost {
	read := func(ctx context.Context) error { return errorOf(r.SigningKeys(ctx)) }
	change := func(ctx context.Context) error {
		return errorOf(r.ChangeSigningKeys(ctx, func(keys *record.SigningKeys) error {
			keys.Urgent = true
			return nil
		}))
	}
	return []cost{
		{"signing keys, none", read, map[string]int{"BatchGetDocuments": 1}, 1, 0},
		{"change them", change, transaction(), 1, 1},
		{"change nothing", change, transaction(), 1, 0},
		{"signing keys", read, map[string]int{"BatchGetDocuments": 1}, 1, 0},
	}
}

// usageCosts: a transaction reads its documents, and that there is the organization.
func usageCosts(r record.Record) []cost {
	hours := func(n, days int) func(context.Context) error {
		return func(ctx context.Context) error { return r.FileUsage(ctx, acme(), used(n, days)) }
	}
	return []cost{
		{"usage of three hours of a day", hours(3, 1), transaction(), 1 + 1, 1},
		{"the same again", hours(3, 1), transaction(), 1 + 1, 0},
		{"usage of two days", hours(1, 2), transaction(), 2 + 1, 1},
		{"none", hours(0, 0), nil, 0, 0},
	}
}

// used is usage of the first hours of days.
func used(hours, days int) (all []usage.Filing) {
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for i := range hours * days {
		at := start.Add(24*time.Hour*time.Duration(i/hours) + time.Hour*time.Duration(i%hours))
		c := usage.Counts{Granted: map[int]int64{1: 2}, Levels: map[int]int64{1: 60_000}, Peak: 1}
		all = append(all, usage.Filing{Hour: usage.Hour{LicenseID: "acme-pro", At: at, Counts: c}, Generation: "v4.1.ab"})
	}
	return all
}

// ends are ends of that many different sessions.
func ends(n int) []record.End {
	all := make([]record.End, n)
	for i := range all {
		s := grant()
		s.ID = fmt.Sprintf("%s%03d", sessionID[:33], i)
		all[i] = endOf(s)
	}
	return all
}

func errorOf[T any](_ T, err error) error { return err }

// TestNoCompositeIndexIsNeeded asks the emulator which composite indexes the queries
// would need in production, of all but the list of sessions and their history: a deployment
// has none.
func TestNoCompositeIndexIsNeeded(t *testing.T) {
	addr, project := servers.Firestore(t), freshProject()
	client, err := record.Dial(t.Context(), record.Target{ProjectID: project, Emulator: addr})
	must(t, err)
	closeAfter(t, client)
	r := record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
	open(t, r)
	must(t, r.PutOrganization(t.Context(), acme(), license.Organization{}))
	must(t, r.PutLicense(t.Context(), acme(), license.License{ID: "l"}))
	must(t, errorOf(r.CreateLicense(t.Context(), acme(), act("k"), perpetual("m"))))
	must(t, errorOf(r.Organizations(t.Context(), "a", 1)))
	must(t, errorOf(r.LicensePage(t.Context(), acme(), "a", 1)))
	for after := ""; ; {
		page, err := r.Audit(t.Context(), acme(), record.Span{}, after, 1)
		must(t, err)
		if len(page) == 0 {
			break
		}
		after = page[0].ID
	}
	must(t, r.Create(t.Context(), acme(), grant()))
	must(t, errorOf(r.Entitlements(t.Context(), acme())))
	must(t, errorOf(r.CountActive(t.Context(), acme())))
	must(t, errorOf(r.OrganizationIDs(t.Context(), "a", 1)))
	for part := range record.Parts {
		must(t, r.ActiveSessions(t.Context(), acme(), part, "5", func(record.Page) error { return nil }))
		must(t, r.SpentTokens(t.Context(), acme(), part, time.Now(), func(record.Page) error { return nil }))
	}
	must(t, r.FileUsage(t.Context(), acme(), used(1, 2)))
	for _, id := range []string{"", "acme-pro"} {
		must(t, errorOf(r.Usage(t.Context(), acme(), record.UsageQuery{LicenseID: id, To: time.Now().Add(24 * time.Hour)})))
	}
	if needed := compositeIndexes(t, addr, project); len(needed) != 0 {
		t.Errorf("composite indexes needed: %s", needed)
	}

	// The emulator does report a query that needs one.
	query := client.Collection("orgs/acme/sessions").Where("status", "==", "active").OrderBy("acquired_at", firestore.Asc)
	must(t, errorOf(query.Documents(t.Context()).GetAll()))
	if needed := compositeIndexes(t, addr, project); len(needed) == 0 {
		t.Error("the emulator reports no index where one is needed: this test proves nothing")
	}
}

func compositeIndexes(t *testing.T, addr, project string) []json.RawMessage {
	t.Helper()
	url := fmt.Sprintf("http://%s/emulator/v1/projects/%s:indexUsage?database=projects/%s/databases/(default)", addr, project, project)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, response.Status)
	}
	var used struct {
		Reports []json.RawMessage `json:"reports"`
	}
	must(t, json.NewDecoder(response.Body).Decode(&used))
	return used.Reports
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// lists measures pages of the list of live sessions at the vendor's door, of an
// organization with n of them in the ledger: by each filter, and one that goes on. The
// record is a stand-in that takes read for each of the two calls of a page.
func (s *stage) lists(ctx context.Context, n int, read time.Duration) (string, error) {
	if err := s.load(ctx, n); err != nil {
		return "", err
	}
	store, err := newStandIn(n, read)
	if err != nil {
		return "", err
	}
	defer store.close()
	client, err := record.Dial(ctx, record.Target{ProjectID: devstack.Project, Emulator: store.addr})
	if err != nil {
		return "", err
	}
	defer func() { _ = client.Close() }()
	opts := devstack.Defaults()
	large := record.NewFirestore(client, record.FirestoreOptions{})
	opts.Redis, opts.Record, opts.Administration, opts.Bare = s.server.Addr(), large, large, true
	stack, err := devstack.Start(ctx, opts)
	if err != nil {
		return "", err
	}
	defer func() { _ = stack.Close() }()
	look := looker{store: store, control: stack.Control, token: stack.StaffToken("eve@vendor.example")}
	return look.all(ctx)
}

// load has n living sessions in the ledger.
func (s *stage) load(ctx context.Context, n int) error {
	if err := s.empty(ctx); err != nil {
		return err
	}
	p, err := protocol(s.client, newRecord(n, 0, 0), sessionTTL)
	if err != nil {
		return err
	}
	_, err = beat(ctx, p, organization)
	return errors.Join(err, s.counted(ctx, n))
}

// looker looks at lists.
type looker struct {
	store   *standIn
	control http.Handler
	token   string
}

func (l looker) all(ctx context.Context) (string, error) {
	first, err := l.page(ctx, url.Values{})
	if err != nil {
		return "", err
	}
	var all []string
	for _, list := range []struct {
		what  string
		query url.Values
	}{
		{"all", url.Values{}},
		{"after", url.Values{api.QueryAfter: {first.After}}},
		{"license", url.Values{api.QueryLicense: {licenseID}}},
		{"user", url.Values{api.QueryUser: {"user-1"}}},
		{"project", url.Values{api.QueryProject: {"bridge-7"}}},
		{"machine", url.Values{searchMachine: {"hw-1"}}},
		{"state", url.Values{api.QueryState: {api.SessionActive}}},
		{"text", url.Values{searchText: {"nobody has this"}}},
	} {
		figures, err := l.measure(ctx, list.query)
		if err != nil {
			return "", fmt.Errorf("%s: %w", list.what, err)
		}
		all = append(all, "\n  "+fmt.Sprintf("%-8s", list.what)+figures)
	}
	return strings.Join(all, ""), nil
}

// pagesLooked is how many pages of each list are measured.
const pagesLooked = 100

func (l looker) measure(ctx context.Context, query url.Values) (string, error) {
	if _, err := l.page(ctx, query); err != nil { // what is made once is made
		return "", err
	}
	l.store.documents.Store(0)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	took, own := make([]time.Duration, pagesLooked), make([]time.Duration, pagesLooked)
	for i := range took {
		l.store.waited.Store(0)
		start := time.Now()
		if _, err := l.page(ctx, query); err != nil {
			return "", err
		}
		took[i] = time.Since(start)
		own[i] = took[i] - time.Duration(l.store.waited.Load())
	}
	runtime.ReadMemStats(&after)
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, without the record's wait %.1f and %.1f ms; %d documents, %.0f kB in %d allocations",
		ms(percentile(took, .5)), ms(percentile(took, .99)), ms(percentile(own, .5)), ms(percentile(own, .99)), l.store.documents.Load()/pagesLooked,
		float64(after.TotalAlloc-before.TotalAlloc)/pagesLooked/1000, (after.Mallocs-before.Mallocs)/pagesLooked), nil
}

// What a body asks for, and no query: machines and texts are to be in no request log.
const searchMachine, searchText = "hardware_id", "text"

// asked is the request for a list.
func asked(ctx context.Context, query url.Values) (*http.Request, error) {
	search := api.SessionSearch{HardwareID: query.Get(searchMachine), Text: query.Get(searchText)}
	if search == (api.SessionSearch{}) {
		return httptest.NewRequestWithContext(ctx, http.MethodGet, api.SessionsPath(organization)+"?"+query.Encode(), nil), nil
	}
	body, err := json.Marshal(search)
	if err != nil {
		return nil, err
	}
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, api.SessionsFindPath(organization), bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

// page is a page of fifty sessions, all of them alive; of a text that nobody has one of none.
func (l looker) page(ctx context.Context, query url.Values) (list api.SessionList, err error) {
	request, err := asked(ctx, query)
	if err != nil {
		return list, err
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	answer := httptest.NewRecorder()
	l.control.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		return list, fmt.Errorf("answered %d: %s", answer.Code, answer.Body)
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &list); err != nil {
		return list, err
	}
	want := api.DefaultPage
	if query.Has(searchText) {
		want = 0
	}
	if len(list.Sessions) != want || list.After == "" {
		return list, fmt.Errorf("%d sessions, and %d that cannot be read", len(list.Sessions), len(list.UnreadableDocuments))
	}
	for _, s := range list.Sessions {
		if s.State != api.SessionActive {
			return list, fmt.Errorf("session %s is %s", s.SessionID, s.State)
		}
	}
	return list, nil
}

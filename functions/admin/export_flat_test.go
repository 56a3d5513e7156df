package admin_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/functions/admin"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// many is the record of an organization with more sessions than any memory is meant for. It
// makes them as they are asked for, and counts the pages that it has handed out.
type many struct {
	record.Administration
	t           *testing.T
	left, pages int
	out         *reader
}

// SessionHistory implements [record.Histories].
func (m *many) SessionHistory(_ context.Context, _ license.Caller, _, after string, limit int) (record.Page, error) {
	if held := m.pages - m.out.pages; held > 0 {
		m.t.Fatalf("a page is asked for while %d are not sent yet", held)
	}
	m.pages++
	n := min(limit, m.left)
	first, _ := strconv.Atoi(after)
	page := record.Page{Sessions: make([]license.Session, n), Last: strconv.Itoa(first + n), More: m.left > n}
	for i := range page.Sessions {
		page.Sessions[i] = license.Session{ID: fmt.Sprintf("0199aaaa-0000-7000-8000-%012d", first+i), Status: license.SessionActive}
	}
	m.left -= n
	return page, nil
}

// AddEntry implements [record.ServiceActs].
func (*many) AddEntry(context.Context, license.Caller, record.Act, record.Action, string, record.EntryState) (string, error) {
	return "", nil
}

// UsageHistory implements [record.Histories].
func (*many) UsageHistory(context.Context, license.Caller, string, int) (record.UsagePage, error) {
	return record.UsagePage{}, nil
}

// AuditHistory implements [record.Histories].
func (*many) AuditHistory(context.Context, license.Caller, record.EntryFilter, string, int) ([]record.Entry, error) {
	return nil, nil
}

// reader is a client that counts what it is sent and keeps none of it.
type reader struct {
	header       http.Header
	pages, lines int
	most         int
	tail         []byte
}

// Header implements [http.ResponseWriter].
func (r *reader) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (*reader) WriteHeader(int) {}

// Write implements [http.ResponseWriter].
func (r *reader) Write(p []byte) (int, error) {
	r.lines += bytes.Count(p, []byte("\n"))
	r.pages += bytes.Count(p, []byte(`{"kind":"cursor"`)) + bytes.Count(p, []byte(`{"kind":"end"`))
	r.most = max(r.most, len(p))
	r.tail = append(r.tail[:0], p[max(0, len(p)-64):]...)
	return len(p), nil
}

// TestAnExportHoldsAPage: a million sessions (race_off_test.go) pass through, each page sent before the
// next is asked for.
func TestAnExportHoldsAPage(t *testing.T) {
	const sessions = exported
	out := &reader{header: http.Header{}}
	m := &many{t: t, left: sessions, out: out}
	staff := func(context.Context, string) (license.Caller, error) {
		return license.Caller{UserID: "eve@vendor.example", Email: "eve@vendor.example", Role: license.RoleService}, nil
	}
	app := admin.NewControl(web.Options{}, admin.Deps{Authenticate: staff, Record: m, Now: time.Now})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, api.ExportPath("acme")+"?after=sessions:", nil)
	r.Header.Set("Authorization", "Bearer x")
	app.ServeHTTP(out, r)
	if out.lines != sessions+sessions/200+2 || !bytes.HasSuffix(out.tail, []byte("{\"kind\":\"end\"}\n")) {
		t.Errorf("%d lines, the last %s", out.lines, out.tail)
	}
	if out.most > 200*1024 {
		t.Errorf("%d bytes at once", out.most)
	}
}

package functions_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// TestBudgetOfLiveSessions: a page is one query and one look at the ledger, however many
// sessions are on it; an end is a note of who asked, and then a release with its entry
// in the audit.
func TestBudgetOfLiveSessions(t *testing.T) {
	m := meter(t, servers.Redis(t).Addr(), devstack.Defaults())
	org, v := m.licensed(t, 9), m.vendor()
	ann := m.user(org, "ann")
	none := m.spent(func() { v.sessions(t, org, "") })
	if want := (spent{reads: 1, others: 1}); none != want {
		t.Errorf("an empty list cost %+v, want %+v", none, want)
	}
	warm, held, more := ann.take(t, "warm").SessionID, ann.take(t, "hw").SessionID, ann.take(t, "hw-2").SessionID
	v.sessions(t, org, "") // every script is sent in full once
	v.do(t, http.MethodDelete, api.SessionOfPath(org, warm), nil).want(t, http.StatusNoContent)

	m.wantSpent(t, "list", spent{redis: 1, reads: 1, others: 1}, func() { v.sessions(t, org, "?user=ann") })
	m.wantSpent(t, "list by project", spent{reads: 1, others: 1}, func() { v.sessions(t, org, "?project=none") })
	after := v.sessions(t, org, "?limit=1").After
	m.wantSpent(t, "list, the next page", spent{redis: 1, reads: 2, others: 1}, func() { v.sessions(t, org, "?after="+after) })
	m.wantSpent(t, "one", spent{redis: 1, reads: 1}, func() { v.do(t, http.MethodGet, api.SessionOfPath(org, more), nil).want(t, http.StatusOK) })
	m.wantSpent(t, "end", spent{redis: 2, transactions: 2, reads: 3, writes: 3}, func() {
		v.do(t, http.MethodDelete, api.SessionOfPath(org, held), nil).want(t, http.StatusNoContent)
	})
	m.wantSpent(t, "end again", spent{redis: 1, transactions: 1, reads: 2}, func() {
		v.do(t, http.MethodDelete, api.SessionOfPath(org, held), nil).want(t, http.StatusNoContent)
	})
	m.wantSpent(t, "dry run of an end", spent{transactions: 1, reads: 1}, func() {
		v.do(t, http.MethodDelete, api.SessionOfPath(org, more)+"?dry_run=true", nil).want(t, http.StatusNoContent)
	})
}

// TestBudgetOfALargeList: a page is read as itself and one session more, in one query and
// one look at the ledger, by each filter and however many sessions the organization has.
func TestBudgetOfALargeList(t *testing.T) {
	m := meter(t, servers.Redis(t).Addr(), devstack.Defaults())
	org, v := m.licensed(t, 9), m.vendor()
	m.user(org, "ann").take(t, "hw", map[string]any{"client": map[string]any{"project": "bridge-7"}})
	v.sessions(t, org, "") // every script is sent in full once
	have := 1
	for _, n := range []int{100, 400} {
		m.recordSessions(t, org, n-have, func(int) string { return "ann" })
		have = n
		for _, filter := range []string{"", "&license=pro", "&user=ann", "&license=pro&user=ann", "&project=bridge-7"} {
			var page api.SessionList
			look := func(query string) func() {
				return func() { page = v.sessions(t, org, "?limit=50"+filter+query) }
			}
			what := fmt.Sprintf("%d sessions, list %s", n, filter)
			m.wantSpent(t, what, spent{redis: 1, reads: 1, others: 1}, look(""))
			m.wantPage(t, what, page, 1)
			m.wantSpent(t, what+", the next page", spent{redis: 1, reads: 2, others: 1}, look("&after="+page.After))
			if have == 400 { // of 100 it is the last
				m.wantPage(t, what+", the next page", page, 2)
			}
		}
	}
}

// wantPage checks a full page, and what was read of it and beside it.
func (m *metered) wantPage(t *testing.T, what string, page api.SessionList, beside int64) {
	t.Helper()
	if read := m.wire.documents.Load(); len(page.Sessions) != 50 || page.After == "" || read != beside+51 {
		t.Errorf("%s: %d sessions, after %q, of %d documents read", what, len(page.Sessions), page.After, read)
	}
}

package functions_test

import (
	"net/http"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// TestBudgetOfKeys: who looks at them costs a read, and asks KMS for no key's public half.
func TestBudgetOfKeys(t *testing.T) {
	m := meter(t, servers.Redis(t).Addr(), devstack.Defaults())
	v := m.vendor()
	v.keys(t)
	m.wantSpent(t, "list of keys", spent{reads: 1, kms: 1}, func() { v.keys(t) })
	m.wantSpent(t, "a key is asked for", spent{transactions: 1, reads: 1, writes: 2}, func() {
		v.do(t, http.MethodPost, api.PathKeys, nil).want(t, http.StatusAccepted)
	})
	m.wantSpent(t, "a key is asked for again", spent{transactions: 1, reads: 1}, func() {
		v.do(t, http.MethodPost, api.PathKeys, nil).want(t, http.StatusAccepted)
	})
}

// TestBudgetOfAnExport: a page is a query, and what it is of is looked at once.
func TestBudgetOfAnExport(t *testing.T) {
	m := meter(t, servers.Redis(t).Addr(), devstack.Defaults())
	org, v := m.licensed(t, 9), m.vendor()
	m.user(org, "ann").take(t, "hw")
	v.exported(t, org, "")
	m.wantSpent(t, "export", spent{transactions: 1, reads: 1 + 6, writes: 1, others: 5}, func() { v.exported(t, org, "") })
	m.wantSpent(t, "export, gone on with", spent{transactions: 1, reads: 4, writes: 1, others: 3}, func() { v.exported(t, org, "?after=sessions:") })
}

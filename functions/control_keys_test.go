package functions_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// later is a stack whose own clock is moved by the returned function.
func later(t *testing.T) (vendor, func(time.Duration)) {
	t.Helper()
	opts := devstack.Defaults()
	var ahead atomic.Int64
	opts.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	return start(t, embedded(), opts).vendor(), func(d time.Duration) { ahead.Add(int64(d)) }
}

func (v vendor) keys(t *testing.T) api.KeyList {
	t.Helper()
	return into[api.KeyList](t, v.do(t, http.MethodGet, api.PathKeys, nil), http.StatusOK)
}

// states are those of the delegations, the oldest first.
func states(list api.KeyList) string {
	var all []string
	for _, k := range list.Delegations {
		all = append(all, k.State)
	}
	return strings.Join(all, " ")
}

func (v vendor) serviceActs(t *testing.T) (acts []string) {
	t.Helper()
	for _, e := range into[api.AuditList](t, v.do(t, http.MethodGet, api.PathServiceAudit, nil), http.StatusOK).Entries {
		acts = append(acts, e.Actor+" "+e.Action+" "+e.Object)
	}
	slices.Reverse(acts)
	return acts
}

// TestTheVendorSeesWhichKeySigns: and what certifies it.
func TestTheVendorSeesWhichKeySigns(t *testing.T) {
	v := control(t)
	got := v.keys(t)
	if states(got) != "signs" || got.Signing != "delegated" || got.Pending || got.RootsUnknown {
		t.Errorf("%+v", got)
	}
	if len(got.Roots) != 1 || got.Roots[0].State != "certifies" || got.Roots[0].KeyID != got.Delegations[0].Root {
		t.Errorf("%+v", got.Roots)
	}
	v.w.stack.KMS.SetBefore(func(context.Context, string) error { return status.Error(codes.Unavailable, "away") })
	if got := v.keys(t); states(got) != "signs" || !got.RootsUnknown || len(got.Roots) != 0 {
		t.Errorf("without KMS: %+v", got)
	}
}

// TestTheVendorAsksForAKey: the reaper makes it, and it signs when everybody can know it.
func TestTheVendorAsksForAKey(t *testing.T) {
	v, advance := later(t)
	ask := func(change ...func(*http.Request)) api.KeyList {
		return into[api.KeyList](t, v.do(t, http.MethodPost, api.PathKeys, nil, change...), http.StatusAccepted)
	}
	if got := into[api.KeyList](t, v.do(t, http.MethodPost, api.PathKeys+"?dry_run=true", nil), http.StatusAccepted); !got.Pending || v.keys(t).Pending {
		t.Errorf("a dry run: %+v", got)
	}
	if got := ask(header("Idempotency-Key", "k")); !got.Pending || states(got) != "signs" {
		t.Errorf("%+v", got)
	}
	signed := v.w.stack.KMS.Calls(fakekms.MethodSign)
	v.w.reap(t)
	if got := v.keys(t); got.Pending || states(got) != "signs next" || v.w.stack.KMS.Calls(fakekms.MethodSign) != signed+1 {
		t.Errorf("after the reaper's run: %+v", got)
	}
	if got := ask(header("Idempotency-Key", "k")); got.Pending {
		t.Errorf("sent again: %+v", got)
	}
	disable := api.KeyDisablePath(v.keys(t).Delegations[0].KeyID)
	v.do(t, http.MethodPost, disable, nil, header("Idempotency-Key", "k")).refused(t, "idempotency_key_reused")
	v.do(t, http.MethodPost, disable, nil, header("Idempotency-Key", "k-2")).want(t, http.StatusOK)
	advance(v.w.stack.Service.Config.KeyActivationDelay + time.Minute)
	v.w.reap(t)
	if got := v.keys(t); states(got) != "revoked published signs" {
		t.Errorf("%s: %+v", states(got), got)
	}
	want := []string{"eve@vendor.example key.asked keys", "eve@vendor.example key.revoked keys/" + v.keys(t).Delegations[0].KeyID}
	if got := v.serviceActs(t); !slices.Equal(got, want) {
		t.Errorf("the audit: %v", got)
	}
}

// TestTheVendorDisablesAKey: it leaves the key set, and the next signs at once.
func TestTheVendorDisablesAKey(t *testing.T) {
	v, advance := later(t)
	org, _ := v.sold(t)
	ann := v.w.user(org.ID, "ann")
	held := ann.take(t, "hw").SessionID
	kid := v.keys(t).Delegations[0].KeyID
	path := api.KeyDisablePath(kid)
	if got := into[api.KeyList](t, v.do(t, http.MethodPost, path+"?dry_run=true", nil), http.StatusOK); states(got) != "revoked" || states(v.keys(t)) != "signs" {
		t.Errorf("a dry run: %+v", got)
	}
	for range 2 {
		got := into[api.KeyList](t, v.do(t, http.MethodPost, path, nil), http.StatusOK)
		if states(got) != "revoked" || !got.Pending || got.Delegations[0].RevokedAt == "" {
			t.Errorf("%+v", got)
		}
	}
	v.w.reap(t)
	advance(token.KeySetLife + time.Second) // instances look anew
	got := v.keys(t)
	if states(got) != "revoked signs" || got.Pending || !strings.Contains(got.Delegations[1].Why, "at once") {
		t.Errorf("%+v", got)
	}
	ann.beat(t, held).want(t, http.StatusOK)
	if set := string(v.w.do(t, http.MethodGet, api.PathJWKS, "", nil).body); strings.Contains(set, kid) || !strings.Contains(set, got.Delegations[1].KeyID) {
		t.Errorf("the key set: %s", set)
	}
	if acts := v.serviceActs(t); len(acts) != 1 {
		t.Errorf("the audit: %v", acts)
	}
	for _, id := range []string{strings.Repeat("x", 43), "x", ".."} {
		v.do(t, http.MethodPost, api.KeyDisablePath(id), nil).refused(t, "key_not_found")
	}
}

// TestTheVendorForgetsKeys: those that ended a day ago.
func TestTheVendorForgetsKeys(t *testing.T) {
	v, advance := later(t)
	prune := func(query string) api.KeyList {
		v = v.w.vendor() // a token is good for an hour
		return into[api.KeyList](t, v.do(t, http.MethodPost, api.PathKeysPrune+query, nil), http.StatusOK)
	}
	advance(token.DelegationLife + time.Hour)
	v.w.reap(t)
	if got := prune(""); states(got) != "ended signs" {
		t.Errorf("an hour after its end: %s", states(got))
	}
	advance(24 * time.Hour)
	if got := prune("?dry_run=true"); states(got) != "ended" || states(v.keys(t)) != "ended ended" {
		t.Errorf("a dry run: %s, %s", states(got), states(v.keys(t)))
	}
	if got := prune(""); states(got) != "ended" {
		t.Errorf("a day after its end: %s", states(got))
	}
	if acts := v.serviceActs(t); !slices.Equal(acts, []string{"eve@vendor.example keys.pruned keys"}) {
		t.Errorf("the audit: %v", acts)
	}
}

// TestNobodyMakesKeysWhereTheRootSigns: what nobody would do is not asked for.
func TestNobodyMakesKeysWhereTheRootSigns(t *testing.T) {
	v := start(t, embedded(), byRoot()).vendor()
	got := v.keys(t)
	if got.Signing != "kms" || len(got.Delegations) != 0 || len(got.Roots) != 1 || got.Roots[0].State != "signs" {
		t.Errorf("%+v", got)
	}
	v.do(t, http.MethodPost, api.PathKeys, nil).refused(t, "key_not_found")
}

package boot_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/boot"
	"github.com/coditect-ai/coditect-licenses/shared/config"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// allowed is what each function may ask of KMS when delegations sign, and no more: as
// in terraform/delegations.tf and terraform/token.tf.
func allowed() map[string][]string {
	reads := []string{fakekms.MethodList, fakekms.MethodPublicKey}
	return map[string][]string{
		config.Acquire:   append([]string{fakekms.MethodDecrypt}, reads...),
		config.Heartbeat: append([]string{fakekms.MethodDecrypt}, reads...),
		config.Reaper:    append([]string{fakekms.MethodSign, fakekms.MethodEncrypt}, reads...),
		config.Control:   {fakekms.MethodList},
	}
}

// app is the process of one function.
func (p *parts) app(t *testing.T, name string, wire boot.Wire) *web.App {
	t.Helper()
	app, err := wire(p.signedBy(t, name).assemble(t, delegating(name)))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// TestEachFunctionWithItsOwnPermissions: before the first key acquire is not ready, and
// says what is missing; the reaper's start makes the key; then all work with what
// they may do.
func TestEachFunctionWithItsOwnPermissions(t *testing.T) {
	p := newParts(t)
	p.addKMS(t)
	p.addScheduler(t, "https://reaper.example/")
	p.addAdministration(t)
	seed(t, p)
	p.kms.SetBefore(func(ctx context.Context, method string) error {
		if caller := fakekms.Caller(ctx); !slices.Contains(allowed()[caller], method) {
			t.Errorf("%s asks for %s", caller, method)
			return status.Error(codes.PermissionDenied, method)
		}
		return nil
	})
	apps := map[string]*web.App{}
	for name, wire := range map[string]boot.Wire{
		config.Acquire: functions.Acquire, config.Heartbeat: functions.Heartbeat, config.Reaper: functions.Reaper,
	} {
		apps[name] = p.app(t, name, wire)
	}
	early := p.app(t, config.Acquire, functions.Acquire)
	if w := ask(early, http.MethodGet, api.PathStartup, "", ""); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"kms":"failed"`) {
		t.Errorf("acquire before the first key: %d %s", w.Code, w.Body)
	}
	for _, name := range []string{config.Reaper, config.Acquire, config.Heartbeat} {
		if w := ask(apps[name], http.MethodGet, api.PathStartup, "", ""); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	ann := p.idp.IDToken(fakeidp.Claims{UserID: "ann", TenantID: "acme"})
	w := ask(apps[config.Acquire], http.MethodPost, api.PathAcquire, ann, `{"hardware_id":"hw-1"}`)
	if w.Code != http.StatusCreated {
		t.Fatalf("acquire: %d %s", w.Code, w.Body)
	}
	beat := w.Header().Get("Location") + "/heartbeat"
	if w := ask(apps[config.Heartbeat], http.MethodPatch, beat, ann, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"license_token":"ey`) {
		t.Errorf("heartbeat: %d %s", w.Code, w.Body)
	}
	if w := ask(apps[config.Reaper], http.MethodPost, "/", p.schedulerToken("https://reaper.example/", scheduler), ""); w.Code != http.StatusOK {
		t.Errorf("reap: %d %s", w.Code, w.Body)
	}
	p.wantKeysToBeTold(t)
	if n := p.kms.Calls(fakekms.MethodSign); n != 1 {
		t.Errorf("%d signatures by the root", n)
	}
}

// wantKeysToBeTold: the vendor's door lists the root's versions, and is ready without them.
func (p *parts) wantKeysToBeTold(t *testing.T) {
	t.Helper()
	control := p.app(t, config.Control, functions.Control)
	if w := ask(control, http.MethodGet, api.PathKeys, p.schedulerToken(door, seller), ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"state":"certifies"`) {
		t.Errorf("the vendor's door: %d %s", w.Code, w.Body)
	}
	if w := ask(control, http.MethodGet, api.PathReady, "", ""); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "kms") {
		t.Errorf("the vendor's door is ready: %d %s", w.Code, w.Body)
	}
}

// TestWhoMakesKeys: the reaper alone, and only with a key to encrypt them.
func TestWhoMakesKeys(t *testing.T) {
	p := newParts(t)
	p.addKMS(t)
	for _, name := range []string{config.Acquire, config.Heartbeat} {
		if s := p.assemble(t, delegating(name)); s.Keys != nil || s.Tokens == nil {
			t.Errorf("%s: %v, %v", name, s.Keys, s.Tokens)
		}
	}
	if s := p.assemble(t, delegating(config.Reaper)); s.Keys == nil || s.Tokens != nil {
		t.Errorf("the reaper: %v, %v", s.Keys, s.Tokens)
	}
	if s := p.assemble(t, configuration(config.Reaper)); s.Keys != nil {
		t.Error("a reaper without a key to encrypt with")
	}
}

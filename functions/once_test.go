package functions_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/functions/admin"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// busy is an organization in which every act of administration can be done.
type busy struct {
	v     vendor
	chief user
	org   string
	// params are what paths name.
	params map[string]string
	hook   api.WebhookWithSecret
}

func (v vendor) busy(t *testing.T) busy {
	t.Helper()
	sold, lic := v.sold(t)
	v.do(t, http.MethodPatch, api.LicensePath(sold.ID, "pro"), `{"max_seats":9}`, header("If-Match", lic.ETag)).want(t, http.StatusOK)
	b := busy{v: v, org: sold.ID, chief: v.w.titled(t, sold.ID, "chief", license.RoleOwner), hook: v.w.hook(t, sold.ID, "crm", "https://hooks.example.com/x")}
	ann := v.invite(t, sold.ID, "ann", "member")
	v.w.signedIn(t, ann).take(t, "hw")
	v.w.deliver(t)
	sent := into[api.DeliveryList](t, v.do(t, http.MethodGet, api.DeliveriesPath(sold.ID, "crm"), nil), http.StatusOK)
	b.params = map[string]string{
		"organization": sold.ID, "user": ann.ID, "webhook": "crm", "delivery": sent.Deliveries[0].ID,
		"machine": v.machine(t, sold.ID, "farm").User.ID,
	}
	if keys := v.keys(t).Delegations; len(keys) > 0 {
		b.params["kid"] = keys[0].KeyID
	}
	return b
}

// acts are the bodies of all operations that are done once for a key; the customers' door
// has those of the vendor's.
func (b busy) acts() map[string]string {
	return map[string]string{
		"createOrganization": fmt.Sprintf(`{"id":"%s-2","name":"Two","max_concurrent_seats":1}`, b.org),
		"createLicense":      `{"id":"lab","product":"lab","max_seats":1,"expires_at":"never"}`,
		"rebuildLedger":      "", "purgeOrganization": fmt.Sprintf(`{"confirm":%q}`, b.org), "purgeUser": "",
		"inviteUser": fmt.Sprintf(`{"email":"new@%s.example"}`, b.org), "signOutUser": "", "linkUser": "",
		"createMachine": `{"name":"press"}`, "rotateToken": "", "createKey": "", "disableKey": "", "pruneKeys": "",
		"createWebhook": `{"id":"erp","url":"https://hooks.example.com/y"}`, "rotateWebhook": "", "retryDelivery": "",
		"endSessions": fmt.Sprintf(`{"user_id":%q}`, b.params["user"]),
	}
}

// secrets say what a repetition is answered where the first answer had a secret.
func secrets() map[string]api.Code {
	return map[string]api.Code{
		"linkUser": api.SecretTold, "rotateToken": api.SecretTold, "rotateWebhook": api.SecretTold, "createWebhook": api.SecretTold,
	}
}

// kind is the operation's name, whichever door it is at.
func kind(op web.Operation) string {
	name, ours := strings.CutPrefix(op.ID, "admin")
	if !ours {
		return op.ID
	}
	return strings.ToLower(name[:1]) + name[1:]
}

func ofVendor(op web.Operation) bool { return op.Access == web.AccessStaff }

// send sends the operation, named by a key.
func (b busy) send(t *testing.T, op web.Operation, key, text string) answer {
	t.Helper()
	path := op.Path
	for _, p := range op.Params {
		value := b.params[p.Name]
		if kind(op) == "rotateToken" && p.Name == "user" {
			value = b.params["machine"]
		}
		path = strings.ReplaceAll(path, "{"+p.Name+"}", value)
	}
	var body any
	if text != "" {
		body = text
	}
	token := b.chief.token
	if ofVendor(op) {
		token = b.v.token
	}
	return b.v.w.do(t, op.Method, path, token, body, header("Idempotency-Key", key), func(r *http.Request) {
		if kind(op) == "rotateWebhook" {
			r.Header.Set("If-Match", b.hook.ETag)
		}
	})
}

// entries count what was done, as the audits tell.
func (b busy) entries(t *testing.T) int {
	t.Helper()
	n := len(b.v.serviceActs(t))
	if a := b.v.do(t, http.MethodGet, api.AuditPath(b.org)+"?limit=200", nil); a.status == http.StatusOK {
		n += len(into[api.AuditList](t, a, http.StatusOK).Entries)
	}
	return n
}

// elsewhere sends the key with another operation.
func (b busy) elsewhere(t *testing.T, op web.Operation, key string) answer {
	t.Helper()
	path, token, body := api.LicensesPath(b.org), b.v.token, `{"id":"other","product":"lab","max_seats":1,"expires_at":"never"}`
	switch {
	case !ofVendor(op):
		path, token, body = api.PathAdminUsers, b.chief.token, fmt.Sprintf(`{"email":"other@%s.example"}`, b.org)
	case slices.Contains([]string{"createOrganization", "purgeOrganization", "createKey", "disableKey", "pruneKeys"}, op.ID):
		path, body = api.PathOrganizations, `{"id":"elsewhere","name":"Other","max_concurrent_seats":1}`
	}
	return b.v.w.do(t, http.MethodPost, path, token, body, header("Idempotency-Key", key))
}

// TestEveryPostIsDoneOnceForAKey: all there are, at both doors. What only reads says so.
func TestEveryPostIsDoneOnceForAKey(t *testing.T) {
	v := start(t, telling(), devstack.Defaults()).vendor()
	for _, op := range slices.Concat(admin.ControlOperations(), admin.Operations()) {
		if op.Method != http.MethodPost || op.Reads {
			continue
		}
		t.Run(op.ID, func(t *testing.T) {
			if !slices.ContainsFunc(op.Headers, func(p web.Param) bool { return p.Name == api.HeaderIdempotencyKey }) {
				t.Fatal("declares no Idempotency-Key")
			}
			b := v.busy(t)
			body, known := b.acts()[kind(op)]
			if !known {
				t.Fatal("is not tried here: add it to acts")
			}
			if op.ID == "purgeOrganization" {
				v.suspended(t, b.org)
			}
			b.once(t, op, op.ID+b.org, body)
		})
	}
}

// finishes: a repetition finishes what is not confirmed, and answers the user as it is now,
// a person with another link, a machine without its token.
func finishes(op web.Operation) bool { return kind(op) == "inviteUser" || kind(op) == "createMachine" }

// once does it, and again.
func (b busy) once(t *testing.T, op web.Operation, key, body string) {
	t.Helper()
	first := b.send(t, op, key, body)
	if first.status >= http.StatusMultipleChoices {
		t.Fatalf("%d %s", first.status, first.body)
	}
	before := b.entries(t)
	again := b.send(t, op, key, body)
	code, secret := secrets()[kind(op)]
	switch {
	case secret:
		again.refused(t, string(code))
	case again.status != first.status || !finishes(op) && !bytes.Equal(again.body, first.body):
		t.Errorf("%d %s, and then %d %s", first.status, first.body, again.status, again.body)
	}
	if after := b.entries(t); after != before && kind(op) != "inviteUser" {
		t.Errorf("%d entries in the audits, and then %d", before, after)
	}
	if op.ID != "purgeOrganization" { // what is gone has no licenses to create
		b.elsewhere(t, op, key).refused(t, "idempotency_key_reused")
	}
}

// TestWhatFailedIsDoneAgainWithItsKey: only what was done has an answer; a body makes another request.
func TestWhatFailedIsDoneAgainWithItsKey(t *testing.T) {
	v := start(t, telling(), devstack.Defaults()).vendor()
	b := v.busy(t)
	end := func(body string) answer {
		return b.chief.ask(t, http.MethodPost, api.PathAdminEndAll, body, header("Idempotency-Key", "k"))
	}
	body := b.acts()["endSessions"]
	v.w.outage.begin(recordtest.Outage(nil), "RevokeSession")
	end(body).refused(t, "unavailable")
	v.w.outage.end()
	for range 2 {
		if got := into[api.EndSessionsReport](t, end(body), http.StatusOK); got.Ended != 1 {
			t.Errorf("%+v", got)
		}
	}
	end(`{"license_id":"pro"}`).refused(t, "idempotency_key_reused")
	v.w.outage.begin(recordtest.Outage(nil), "AnswerOf")
	end(body).refused(t, "unavailable")
	v.w.outage.end()
}

// TestMoreIsNoLastAnswer: asked again with its key, a request that left something goes on;
// one that only tries is answered what would be, whatever was done with the key.
func TestMoreIsNoLastAnswer(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.tenant(t, 300)
	w.putLicense(t, org, "pro", map[string]any{"product": "studio", "max_seats": 300})
	for i := range api.MaxEnded + 2 {
		w.user(org, "ann").take(t, fmt.Sprint("hw-", i))
	}
	boss := w.boss(org)
	end := func(query string) api.EndSessionsReport {
		a := boss.ask(t, http.MethodPost, api.PathAdminEndAll+query, `{"user_id":"ann"}`, header("Idempotency-Key", "k"))
		return into[api.EndSessionsReport](t, a, http.StatusOK)
	}
	for _, want := range []api.EndSessionsReport{{Ended: api.MaxEnded, More: true}, {Ended: 2}, {Ended: 2}} {
		if got := end(""); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if got := end("?dry_run=true"); got.Ended != 0 {
		t.Errorf("to try: %+v", got)
	}
	for _, key := range []string{"", " ", strings.Repeat("k", 256)} {
		a := boss.ask(t, http.MethodPost, api.PathAdminEndAll, `{"user_id":"ann"}`, func(r *http.Request) { r.Header["Idempotency-Key"] = []string{key} })
		if got := fields(t, a.refused(t, "invalid_request")); !slices.Equal(got, []string{"Idempotency-Key"}) {
			t.Errorf("%q: %q", key, got)
		}
	}
}

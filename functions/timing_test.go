package functions_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// TestAnotherOrganizationsIDsTakeTheSameTime: whatever an operation is asked about, an id
// that another organization has costs exactly the calls of Redis, Firestore, Cloud KMS and
// Identity Platform that one costs which nobody has, and is answered in the same words. So
// nobody tells one from the other, not by a clock either. The operations are those of the
// contract: a new one is asked too, or fails here until it is told what its ids are.
func TestAnotherOrganizationsIDsTakeTheSameTime(t *testing.T) {
	s := meetStrangers(t)
	asked := 0
	for _, served := range functions.Contract() {
		for _, op := range served.Operations {
			if op.Access == web.AccessScheduler || op.Access == web.AccessPublic {
				continue // the vendor's own, and of no organization
			}
			for _, q := range s.questions(t, op) {
				s.compare(t, q)
				asked++
			}
		}
	}
	if asked < 100 {
		t.Errorf("only %d questions were asked", asked)
	}
	s.wantState(t, s.other, s.before)
}

// question is a request of an operation, with {names} where ids stand: {user} is the one
// that is asked about, {own user} one of the organization that asks.
type question struct {
	op                 web.Operation
	method, path, body string
}

// strangers are two organizations, one of which asks about the other.
type strangers struct {
	*metered
	org, other string
	own        map[string]string
	// theirs are sets of the other organization's ids; those of its sessions differ.
	theirs []map[string]string
	etag   string
	before state
	// askers are those who ask, by role.
	askers map[string]string
}

// meetStrangers makes both, on clocks that stand still: nothing that is kept in memory
// gets old between two questions.
func meetStrangers(t *testing.T) *strangers {
	t.Helper()
	redis := moving(t)
	redis.Advance(time.Millisecond)
	at := redis.Now()
	opts := devstack.Defaults()
	opts.Events, opts.RateLimitPerUser = true, 0
	opts.Now, opts.LedgerClock = func() time.Time { return at }, redis.Now
	s := &strangers{metered: meter(t, redis.Addr(), opts)}
	var sessions []string
	s.org, s.own, _ = s.people(t, "ours")
	s.other, _, sessions = s.people(t, "theirs")
	ids := s.idsOf(t, s.other, "theirs", sessions[0])
	ended := maps.Clone(ids)
	ended["session_id"] = sessions[1]
	s.theirs = []map[string]string{ids, ended}
	s.own = s.idsOf(t, s.org, "ours", s.own["session_id"])
	s.etag = s.vendor().userNow(t, s.other, ids["user"]).ETag
	s.askers = map[string]string{
		"staff": s.vendor().token, "member": s.user(s.org, "theirs-ann").token, // with a holder's own user id
		"admin": s.titled(t, s.org, "boss", license.RoleAdmin).token, "owner": s.titled(t, s.org, "chief", license.RoleOwner).token,
	}
	s.before = s.state(t, s.other)
	return s
}

// people make an organization in which there is at least two of everything: of sessions,
// the first is alive and the second over.
func (s *strangers) people(t *testing.T, name string) (org string, own map[string]string, sessions []string) {
	t.Helper()
	org = s.licensed(t, 9)
	s.putLicense(t, org, labOf(name), map[string]any{"product": name + "-product", "max_seats": 9})
	box := newInbox(t)
	s.hook(t, org, name+"-crm", box.url)
	s.hook(t, org, name+"-erp", box.url)
	for _, user := range []string{name + "-ann", name + "-bob"} {
		s.vendor().changeUser(t, s.vendor().invite(t, org, user, "member"), fmt.Sprintf(`{"groups":["%[1]s-drawing","%[1]s-milling"]}`, name)).want(t, http.StatusOK)
		for _, hardware := range []string{"hw-1", "hw-2", "hw-3"} {
			held := s.user(org, user).take(t, hardware, map[string]any{"license_id": labOf(name), "client": map[string]any{"project": name + "-project"}})
			sessions = append(sessions, held.SessionID)
		}
	}
	s.user(org, name+"-ann").release(t, sessions[1]).want(t, http.StatusNoContent)
	s.deliver(t)
	return org, map[string]string{"session_id": sessions[0]}, sessions
}

// labOf is a license, whose last characters do not matter to its place in a list.
func labOf(name string) string { return "lab-" + name + "-20270101" }

// idsOf are an organization's ids, by the names of parameters.
func (s *strangers) idsOf(t *testing.T, org, name, session string) map[string]string {
	t.Helper()
	v := s.vendor()
	person := v.users(t, org, "").Users[0]
	sent := read[api.DeliveryList](t, s.userAs(org, "chief", license.RoleOwner), api.AdminDeliveriesPath(name+"-crm"))
	return map[string]string{
		"organization": org, "session_id": session, "license": labOf(name), "product": name + "-product", "project": name + "-project",
		"user": person.ID, "email": person.Email, "webhook": name + "-crm", "delivery": sent.Deliveries[0].ID,
		"object": "organizations/" + org + "/licenses/" + labOf(name),
	}
}

// requests are the bodies of operations that take one, and none of those that are about
// nobody's id. An invitation tells that an address is taken: one address is one account.
func requests() map[string][]string {
	search := []string{`{"email":"{email}"}`}
	groups, off := []string{`{"groups":["cad"]}`}, []string{`{"enabled":false}`}
	ends := []string{`{"license_id":"{license}"}`, `{"user_id":"{user}"}`, `{"license_id":"{license}","user_id":"{user}"}`}
	sought := []string{`{"license_id":"{license}"}`, `{"user_id":"{user}"}`, `{"project":"{project}"}`, `{"text":"{project}"}`}
	return map[string][]string{
		"acquire":          {`{"hardware_id":"hw","license_id":"{license}"}`, `{"hardware_id":"hw","product":"{product}"}`},
		"adminEndSessions": ends, "endSessions": ends, "adminFindSessions": sought, "findSessions": sought,
		"adminFindUsers": search, "findUsers": search,
		"adminPatchUser": groups, "patchUser": groups, "adminPatchWebhook": off, "patchWebhook": off,
		"patchLicense":       {`{"max_seats":3}`},
		"adminCreateWebhook": {`{"id":"{webhook}","url":"https://hooks.example.com"}`},
		"createWebhook":      {`{"id":"{webhook}","url":"https://hooks.example.com"}`},
		"createLicense":      {`{"id":"{license}","product":"studio","max_seats":1,"expires_at":"never"}`},
		"adminInviteUser":    nil, "inviteUser": nil, "adminCreateMachine": nil, "createMachine": nil,
		"createOrganization": nil, "patchOrganization": nil, "purgeOrganization": nil,
	}
}

// makes are the operations that would make what is asked about: they only try to.
func makes(op web.Operation) bool {
	return slices.Contains([]string{"adminCreateWebhook", "createWebhook", "createLicense"}, op.ID)
}

// inQueries are the parameters of queries that name something, and what they name. The
// others are plain.
func inQueries() (names map[string]string, plain []string) {
	names = map[string]string{
		api.QueryLicense: "license", api.QueryUser: "user", api.QueryProject: "project", api.QueryActor: "user",
		api.QueryObject: "object", api.QueryAfter: "after",
	}
	plain = []string{
		api.QueryLimit, api.QueryDryRun, api.QueryToken, api.QueryAction, api.QueryFrom, api.QueryTo, api.QueryStep, api.QueryBy, api.QueryState,
		api.QueryNow, api.QuerySort, api.QueryRole, api.QueryGroup,
	}
	return names, plain
}

// questions are all that an operation can be asked with another organization's ids.
func (s *strangers) questions(t *testing.T, op web.Operation) []question {
	t.Helper()
	var named []string
	for _, p := range op.Params {
		switch _, known := s.own[p.Name]; {
		case p.Name == "kid": // the service's own, and of no organization
		case !known:
			t.Errorf("%s: no organization here has a %s: tell idsOf of it", op.ID, p.Name)
		case p.Name != "organization":
			named = append(named, p.Name)
		}
	}
	bodies, told := requests()[op.ID]
	if documented := operations(documented())[op.ID]; documented.RequestBody != nil && !told {
		t.Errorf("%s: tell requests what names something in its body", op.ID)
	}
	all := inPaths(op, named, bodies)
	if len(named) == 0 {
		for _, body := range bodies {
			all = append(all, tried(op, question{op, op.Method, ours(op.Path, "organization"), body})...)
		}
	}
	return append(all, s.filters(t, op, named)...)
}

// inPaths are the questions about what a path names, and where that has several names, of
// which the first are one's own.
func inPaths(op web.Operation, named, bodies []string) (all []question) {
	if len(named) == 0 {
		return nil
	}
	body := strings.Join(bodies, "")
	ways := append([]web.Way{{Method: op.Method, Path: op.Path}}, op.Also...)
	for _, way := range ways {
		path := ours(way.Path, "organization")
		all = append(all, tried(op, question{op, way.Method, path, body})...)
		if len(named) > 1 {
			all = append(all, tried(op, question{op, way.Method, ours(path, named[:len(named)-1]...), body})...)
		}
	}
	return all
}

// filters are the questions about what a query names.
func (s *strangers) filters(t *testing.T, op web.Operation, named []string) (all []question) {
	t.Helper()
	names, plain := inQueries()
	for _, p := range op.Query {
		what, found := names[p.Name]
		if !found && !slices.Contains(plain, p.Name) {
			t.Errorf("%s: tell inQueries whether %s names something", op.ID, p.Name)
		}
		if !found || p.Name == api.QueryAfter && !s.pages(t, op) {
			continue
		}
		if p.Name == api.QueryAfter {
			what = "after " + op.ID
		}
		all = append(all, question{op, op.Method, ours(ours(op.Path, "organization"), named...) + "?" + p.Name + "={" + what + "}", ""})
	}
	return all
}

// pages learns the other organization's position in a list, and reports whether there is one:
// those of the vendor's organizations are nobody's, and an export's are in its own lines.
func (s *strangers) pages(t *testing.T, op web.Operation) bool {
	t.Helper()
	if slices.Contains([]string{"listOrganizations", "listServiceAudit", "exportOrganization"}, op.ID) {
		return false
	}
	token := s.vendor().token
	if op.Access != web.AccessStaff {
		token = s.userAs(s.other, "theirs-ann", license.RoleOwner).token
	}
	var page struct{ After string }
	a := s.do(t, http.MethodGet, filled(op.Path, "{", s.theirs[0])+"?limit=1", token, nil).want(t, http.StatusOK)
	if err := json.Unmarshal(a.body, &page); err != nil || page.After == "" {
		t.Errorf("%s: a page of one says no position (%v): %s", op.ID, err, a.body)
		return false
	}
	for _, ids := range s.theirs {
		ids["after "+op.ID] = page.After
	}
	return true
}

// tried is a question, and the same as a trial where there is one.
func tried(op web.Operation, q question) []question {
	trial := q
	trial.path += "?" + api.QueryDryRun + "=true"
	switch {
	case !slices.ContainsFunc(op.Query, func(p web.Param) bool { return p.Name == api.QueryDryRun }):
		return []question{q}
	case makes(op):
		return []question{trial}
	}
	return []question{q, trial}
}

// ours has a path name one's own.
func ours(path string, names ...string) string {
	for _, name := range names {
		path = strings.ReplaceAll(path, "{"+name+"}", "{own "+name+"}")
	}
	return path
}

func filled(text, open string, ids map[string]string) string {
	for name, id := range ids {
		text = strings.ReplaceAll(text, open+name+"}", id)
	}
	return text
}

// unknown are ids of the same form that nobody has: as many of their characters are others,
// but not the last, of which some forms have few.
func unknown(ids map[string]string, many int) map[string]string {
	others := map[string]string{}
	for name, id := range ids {
		b := []byte(id)
		if name == "email" {
			b = []byte(strings.Repeat("x", many) + id)
		}
		for i := max(0, len(b)-2-many); i < len(b)-2 && name != "email"; i++ {
			switch c := b[i]; {
			case c >= '0' && c <= '9':
				b[i] = '0' + ((c - '0') ^ 1)
			case c >= 'a' && c <= 'z':
				b[i] = 'a' + ((c - 'a') ^ 1)
			}
		}
		others[name] = string(b)
	}
	return others
}

// compare asks a question about what nobody has and about what the other organization has,
// as everybody who may ask it.
func (s *strangers) compare(t *testing.T, q question) {
	t.Helper()
	for i, theirs := range s.theirs {
		if i > 0 && !strings.Contains(q.path, "{session_id}") {
			continue
		}
		for who, token := range s.mayAsk(q.op) {
			s.ask(t, q, token, unknown(theirs, 5)) // every script is sent in full once
			nothing, least := s.ask(t, q, token, unknown(theirs, 6))
			got, cost := s.ask(t, q, token, theirs)
			what := fmt.Sprintf("%s by %s: %s %s %s", q.op.ID, who, q.method, q.path, q.body)
			same(t, what, got, nothing)
			if cost != least {
				t.Errorf("%s: another organization's cost %+v, nobody's %+v", what, cost, least)
			}
		}
	}
}

// mayAsk are those who may ask, with their tokens.
func (s *strangers) mayAsk(op web.Operation) map[string]string {
	tokens := maps.Clone(s.askers)
	maps.DeleteFunc(tokens, func(who, _ string) bool {
		return (who == "staff") != (op.Access == web.AccessStaff) || who == string(license.RoleMember) && op.Access == web.AccessAdmin
	})
	return tokens
}

// bill is what a question cost.
type bill struct {
	spent
	documents           int64 // that Firestore answered
	certificates, users int   // of Identity Platform
}

// ask puts ids into a question. In the answer their names stand in place of them.
func (s *strangers) ask(t *testing.T, q question, token string, ids map[string]string) (answer, bill) {
	t.Helper()
	var change []func(*http.Request)
	for _, h := range q.op.Headers {
		if h.Name == api.HeaderIfMatch {
			change = append(change, header(h.Name, cmp.Or(s.etag, `"1"`)))
		}
	}
	fill := func(text string) string { return filled(filled(text, "{own ", s.own), "{", ids) }
	var body any
	if q.body != "" {
		body = fill(q.body)
	}
	b := bill{certificates: -s.stack.IDP.Fetches(), users: -s.stack.IDP.Lookups()}
	var a answer
	b.spent = s.spent(func() { a = s.do(t, q.method, fill(q.path), token, body, change...) })
	b.documents = s.wire.documents.Load()
	b.certificates += s.stack.IDP.Fetches()
	b.users += s.stack.IDP.Lookups()
	for name, id := range ids {
		if strings.Contains(q.path+q.body, "{"+name+"}") {
			a.body = bytes.ReplaceAll(a.body, []byte(id), []byte("{"+name+"}"))
		}
	}
	return a, b
}

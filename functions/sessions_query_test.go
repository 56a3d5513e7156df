package functions_test

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// seeker asks for sessions at one of the doors.
type seeker struct {
	w                 *world
	token, list, find string
}

func (w *world) seekers(org string) []seeker {
	return []seeker{
		{w, w.boss(org).token, api.PathAdminSessions, api.PathAdminSessionsFind},
		{w, w.vendor().token, api.SessionsPath(org), api.SessionsFindPath(org)},
	}
}

// asked is a page by the body of a search.
func (s seeker) asked(t *testing.T, body map[string]any) answer {
	t.Helper()
	return s.w.do(t, http.MethodPost, s.find, s.token, body)
}

// queried is a page by the query of a list.
func (s seeker) queried(t *testing.T, query url.Values) answer {
	t.Helper()
	return s.w.do(t, http.MethodGet, s.list+"?"+query.Encode(), s.token, nil)
}

// machines are the machines of all pages of a search, each of so many.
func (s seeker) machines(t *testing.T, body map[string]any, limit int) (all []string) {
	t.Helper()
	asked := map[string]any{"limit": limit}
	for maps.Copy(asked, body); ; {
		page := into[api.SessionList](t, s.asked(t, asked), http.StatusOK)
		if len(page.Sessions) > limit {
			t.Errorf("%d for %d", len(page.Sessions), limit)
		}
		for _, each := range page.Sessions {
			all = append(all, each.HardwareID)
		}
		if asked["after"] = page.After; page.After == "" {
			return all
		}
	}
}

// crowd makes an organization whose sessions differ in all that they are picked and sorted
// by. On the machines: hw-1 of ann, first; hw-2 of bob; hw-3 of cat, whose heartbeats stopped;
// hw-4 of ann, whose program told nothing.
func crowd(t *testing.T, w *world) string {
	t.Helper()
	org := w.licensed(t, 9)
	w.putLicense(t, org, "lab", map[string]any{"product": "lab", "max_seats": 9})
	take := func(user, machine, lic string, client map[string]any) api.Session {
		w.advance(t, time.Second)
		return w.user(org, user).take(t, machine, map[string]any{"license_id": lic, "client": client})
	}
	take("cat", "hw-3", "pro", map[string]any{"name": "Studio", "version": "5.0", "hostname": "ANNEX", "project": "tunnel"})
	w.advance(t, w.opts.SessionTTL/2)
	first := take("ann", "hw-1", "pro", map[string]any{"name": "Studio", "version": "4.2", "hostname": "Desk", "project": "bridge"})
	take("bob", "hw-2", "lab", map[string]any{"name": "Lab", "version": "1.0", "hostname": "bench", "project": "bridge"})
	take("ann", "hw-4", "pro", nil)
	w.advance(t, w.opts.SessionTTL/2)
	w.user(org, "ann").beat(t, first.SessionID).want(t, http.StatusOK)
	return org
}

// TestSessionsArePicked by all that the list shows of them, in pages of any size, at both
// doors.
func TestSessionsArePicked(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := crowd(t, w)
	for name, tt := range map[string]struct {
		body map[string]any
		want []string
	}{
		"all":                     {nil, []string{"hw-4", "hw-2", "hw-1", "hw-3"}},
		"a license":               {map[string]any{"license_id": "lab"}, []string{"hw-2"}},
		"a user":                  {map[string]any{"user_id": "ann"}, []string{"hw-4", "hw-1"}},
		"a project":               {map[string]any{"project": "bridge"}, []string{"hw-2", "hw-1"}},
		"a machine":               {map[string]any{"hardware_id": "hw-1"}, []string{"hw-1"}},
		"a part of a machine":     {map[string]any{"hardware_id": "hw"}, nil},
		"a machine in capitals":   {map[string]any{"hardware_id": "HW-1"}, nil},
		"those who live":          {map[string]any{"state": "active"}, []string{"hw-4", "hw-2", "hw-1"}},
		"those who are over":      {map[string]any{"state": "expired"}, []string{"hw-3"}},
		"those who end":           {map[string]any{"state": "ending"}, nil},
		"a text of a user":        {map[string]any{"text": "AN"}, []string{"hw-4", "hw-1", "hw-3"}},
		"a text of a host":        {map[string]any{"text": "dESK"}, []string{"hw-1"}},
		"a text of a program":     {map[string]any{"text": "studio"}, []string{"hw-1", "hw-3"}},
		"a text of a version":     {map[string]any{"text": "4.2"}, []string{"hw-1"}},
		"a text of a project":     {map[string]any{"text": "TUNN"}, []string{"hw-3"}},
		"a text of a machine":     {map[string]any{"text": "hw-1"}, nil},
		"a text that nobody has":  {map[string]any{"text": "%"}, nil},
		"several":                 {map[string]any{"user_id": "ann", "text": "studio", "state": "active", "license_id": "pro", "hardware_id": "hw-1"}, []string{"hw-1"}},
		"several that rule out":   {map[string]any{"user_id": "bob", "text": "studio"}, nil},
		"newest first":            {map[string]any{"sort": "-acquired_at"}, []string{"hw-4", "hw-2", "hw-1", "hw-3"}},
		"oldest first":            {map[string]any{"sort": "acquired_at"}, []string{"hw-3", "hw-1", "hw-2", "hw-4"}},
		"silent longest first":    {map[string]any{"sort": "last_heartbeat_at"}, []string{"hw-3", "hw-2", "hw-4", "hw-1"}},
		"heard last first":        {map[string]any{"sort": "-last_heartbeat_at"}, []string{"hw-1", "hw-4", "hw-2", "hw-3"}},
		"ending first":            {map[string]any{"sort": "expires_at"}, []string{"hw-3", "hw-2", "hw-4", "hw-1"}},
		"ending last":             {map[string]any{"sort": "-expires_at"}, []string{"hw-1", "hw-4", "hw-2", "hw-3"}},
		"by user":                 {map[string]any{"sort": "user_id", "state": "active", "license_id": "lab"}, []string{"hw-2"}},
		"those who live, by user": {map[string]any{"sort": "-user_id", "state": "active", "user_id": "bob"}, []string{"hw-2"}},
	} {
		for _, s := range w.seekers(org) {
			for _, limit := range []int{1, 3, 200} {
				if got := s.machines(t, tt.body, limit); !slices.Equal(got, tt.want) {
					t.Errorf("%s, %d at a time at %s: %q, want %q", name, limit, s.find, got, tt.want)
				}
			}
		}
	}
	for _, s := range w.seekers(org) { // of one user by the sessions' ids, which differ from run to run
		page := into[api.SessionList](t, s.queried(t, url.Values{"sort": {"user_id"}}), http.StatusOK)
		var users []string
		for _, each := range page.Sessions {
			users = append(users, each.UserID)
		}
		if want := []string{"ann", "ann", "bob", "cat"}; !slices.Equal(users, want) {
			t.Errorf("%q, want %q", users, want)
		}
		if page := into[api.SessionList](t, s.queried(t, url.Values{"state": {"expired"}, "license": {"pro"}}), http.StatusOK); len(page.Sessions) != 1 {
			t.Errorf("%+v", page)
		}
	}
}

// TestAPositionIsOfItsOwnList: behind another filter, order or organization, it is none.
func TestAPositionIsOfItsOwnList(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org, other := crowd(t, w), w.licensed(t, 9)
	lists := []map[string]any{
		{},
		{"license_id": "pro"},
		{"user_id": "ann"},
		{"project": "bridge"},
		{"state": "active"},
		{"text": "an"},
		{"text": "bridge"},
		{"sort": "user_id"},
		{"sort": "-user_id"},
		{"sort": "acquired_at"},
		{"sort": "user_id", "state": "active"},
		{"license_id": "pro", "user_id": "ann"},
	}
	for _, s := range w.seekers(org) {
		for i, from := range lists {
			first := maps.Clone(from)
			first["limit"] = 1
			after := into[api.SessionList](t, s.asked(t, first), http.StatusOK).After
			if after == "" {
				t.Fatalf("%v: there is one page", from)
			}
			for j, to := range lists {
				next := maps.Clone(to)
				next["after"] = after
				if a := s.asked(t, next); i == j {
					a.want(t, http.StatusOK)
				} else if got := fields(t, a.refused(t, "invalid_request")); !slices.Equal(got, []string{"after"}) {
					t.Errorf("after of %v with %v: %q", from, to, got)
				}
			}
			theirs := maps.Clone(from)
			theirs["after"] = after
			for _, stranger := range w.seekers(other) {
				stranger.asked(t, theirs).refused(t, "invalid_request")
			}
		}
		for _, after := range []string{"~", "x", "~~", "e30~e30~e30", strings.Repeat("~", 2048)} {
			for _, list := range lists {
				next := maps.Clone(list)
				next["after"] = after
				s.asked(t, next).refused(t, "invalid_request")
			}
		}
	}
}

// TestBadSearchesForSessions: everything that is wrong has its field.
func TestBadSearchesForSessions(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 9)
	for _, s := range w.seekers(org) {
		for body, want := range map[string][]string{
			`{"state":"gone"}`:                                   {"state"},
			`{"sort":"machine"}`:                                 {"sort"},
			`{"sort":"--user_id"}`:                               {"sort"},
			`{"state":"x","sort":"y"}`:                           {"state", "sort"},
			`{"project":"a","user_id":"b"}`:                      {"project"},
			`{"limit":0}`:                                        {"limit"},
			`{"limit":201}`:                                      {"limit"},
			`{"limit":"9"}`:                                      {"limit"},
			`{"machine":"hw-1"}`:                                 {"machine"},
			`{"organization_id":"globex"}`:                       {"organization_id"},
			`{"after":"x"}`:                                      {"after"},
			`{"text":"` + strings.Repeat("a", 129) + `"}`:        {"text"},
			`{"hardware_id":"` + strings.Repeat("a", 129) + `"}`: {"hardware_id"},
		} {
			if got := fields(t, w.do(t, http.MethodPost, s.find, s.token, body).refused(t, "invalid_request")); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", body, got, want)
			}
		}
		for query, want := range map[string]string{"state=gone": "state", "sort=hw": "sort", "text=a": "text", "machine=hw-1": "machine", "hardware_id=hw-1": "hardware_id", "sort=user_id&sort=user_id": "sort"} {
			if got := fields(t, w.do(t, http.MethodGet, s.list+"?"+query, s.token, nil).refused(t, "invalid_request")); !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
		w.do(t, http.MethodPost, s.find, s.token, `{"state":null,"text":"","limit":200}`).want(t, http.StatusOK)
	}
}

// TestSessionsWhileTheLedgerIsAway: what the record has is picked and sorted all the same.
func TestSessionsWhileTheLedgerIsAway(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := crowd(t, w)
	w.lose()
	for _, s := range w.seekers(org) {
		if got := s.machines(t, map[string]any{"state": "unknown", "sort": "acquired_at"}, 3); !slices.Equal(got, []string{"hw-3", "hw-1", "hw-2", "hw-4"}) {
			t.Errorf("%q", got)
		}
		if got := s.machines(t, map[string]any{"state": "active"}, 3); len(got) != 0 {
			t.Errorf("%q", got)
		}
		w.outage.begin(recordtest.Outage(nil), "SessionPage")
		s.asked(t, map[string]any{"sort": "user_id"}).refused(t, "unavailable")
		s.asked(t, map[string]any{"text": "x"}).refused(t, "unavailable")
		w.outage.end()
	}
}

// TestSoManySessionsAreSorted, and no more: where there are, whoever asks is told to name
// fewer. Those that are picked come in pages that may be short.
func TestSoManySessionsAreSorted(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 9)
	w.recordHeld(t, org, "pro", api.MaxSorted)
	s := w.seekers(org)[0]
	if got := s.machines(t, map[string]any{"sort": "acquired_at"}, 200); len(got) != api.MaxSorted || got[0] != "hw-0" || got[999] != "hw-999" {
		t.Errorf("%d: %q", len(got), got)
	}
	w.recordHeld(t, org, "lab", 200)
	for _, sort := range []string{"acquired_at", "user_id", "-expires_at"} {
		if got := fields(t, s.asked(t, map[string]any{"sort": sort}).refused(t, "invalid_request")); !slices.Equal(got, []string{"sort"}) {
			t.Errorf("%q", got)
		}
	}
	if got := s.machines(t, map[string]any{"sort": "acquired_at", "license_id": "lab"}, 200); len(got) != 200 {
		t.Errorf("%d", len(got))
	}
	page := into[api.SessionList](t, s.asked(t, map[string]any{"hardware_id": "hw-0", "license_id": "pro"}), http.StatusOK)
	if len(page.Sessions) != 0 || page.After == "" {
		t.Errorf("of the newest %d of %d: %+v", api.MaxScanned, api.MaxSorted, page)
	}
	page = into[api.SessionList](t, s.asked(t, map[string]any{"hardware_id": "hw-0"}), http.StatusOK)
	if len(page.Sessions) != 2 || page.After != "" {
		t.Errorf("an index has it: %+v", page)
	}
	if got := s.machines(t, map[string]any{"hardware_id": "hw-0"}, 50); !slices.Equal(got, []string{"hw-0", "hw-0"}) {
		t.Errorf("%q", got)
	}
}

// recordHeld puts active sessions into the record that the ledger does not hold, a second
// apart, on the machines hw-0 and onward.
func (w *world) recordHeld(t *testing.T, org, lic string, n int) {
	t.Helper()
	caller := license.ServiceCaller(org)
	epoch, err := w.record.OpenEpoch(t.Context(), caller, "nonce")
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		at := time.Date(2026, 11, 1, 0, 0, i, 0, time.UTC)
		err := w.record.Create(t.Context(), caller, license.Session{
			ID: sessionOfNumber(int(serial.Add(1))), OrganizationID: org, Epoch: epoch, Status: license.SessionActive,
			Holder:     license.Holder{LicenseID: lic, UserID: fmt.Sprintf("u-%d", n-i), HardwareID: fmt.Sprintf("hw-%d", i)},
			AcquiredAt: at, LastHeartbeatAt: at, ExpiresAt: at.Add(time.Minute),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func sessionOfNumber(n int) string { return fmt.Sprintf("019ab00d-4c00-7000-8000-%012d", n) }

// TestWhatIsLookedForIsNotLogged: a machine and a person are named in bodies alone.
func TestWhatIsLookedForIsNotLogged(t *testing.T) {
	lines, opts := &warnings{}, devstack.Defaults()
	opts.Log = slog.New(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w := start(t, embedded(), opts)
	org := w.licensed(t, 9)
	w.user(org, "secret-user").take(t, "secret-machine")
	for _, s := range w.seekers(org) {
		s.machines(t, map[string]any{"hardware_id": "secret-machine", "text": "secret-user", "user_id": "secret-user"}, 1)
	}
	eventually(t, func() bool { return strings.Count(lines.String(), `"listed"`) >= 2 })
	for _, secret := range []string{"secret-user", "secret-machine"} {
		if strings.Contains(lines.String(), secret) {
			t.Errorf("%s is in the log:\n%s", secret, lines)
		}
	}
}

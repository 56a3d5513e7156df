package deployed

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
)

// The customers' door, as terraform/edge.tf routes it.
const (
	pathMyLicenses    = "/api/v1/licenses"
	pathMySessions    = "/api/v1/licenses/sessions"
	pathAdminSessions = "/api/v1/admin/sessions"
	// signInTooOld is said of a token that is good, to who changes something.
	signInTooOld = api.Code("insufficient_user_authentication")
)

// person is a user with a role, who signed in then; zero is now.
func (c *cloud) person(t *testing.T, name, organization, role string, signedIn time.Time) *user {
	claims := fakeidp.Claims{UserID: name, TenantID: organization, Role: role, Email: c.keep(name + "@people.example.com")}
	if !signedIn.IsZero() {
		claims.Override = map[string]any{"auth_time": signedIn.Unix()}
	}
	return &user{t: t, c: c, client: newClient(t), token: c.keep(c.idp.IDToken(claims))}
}

// organizations: members see what is theirs, those who administer see and end all of
// their own organization's, and nobody sees another's.
func (f *fleet) organizations(t *testing.T) {
	f.organization("own", 2)
	f.organization("other", 1)
	ann, oda := f.person(t, "ann", "own", "", time.Time{}), f.person(t, "oda", "own", "owner", time.Time{})
	stranger := f.person(t, "max", "other", "admin", time.Time{})
	session := ann.session(ann.acquire(f.acquire, "hardware-of-ann-of-own"), http.StatusCreated)
	one := pathAdminSessions + "/" + session.SessionID

	if r := ann.call(f.admin, http.MethodGet, pathMyLicenses, ""); r.status != http.StatusOK {
		t.Errorf("a member's licenses: %d %s", r.status, r.body)
	}
	f.sees(t, ann, pathMySessions, session.SessionID)
	f.sees(t, oda, pathMySessions)
	f.sees(t, oda, pathAdminSessions, session.SessionID)
	f.sees(t, stranger, pathAdminSessions)
	refused(t, ann.call(f.admin, http.MethodGet, pathAdminSessions, ""), api.Forbidden)
	refused(t, ann.call(f.admin, http.MethodDelete, one, ""), api.Forbidden)
	refused(t, stranger.call(f.admin, http.MethodGet, one, ""), api.SessionNotFound)
	refused(t, stranger.call(f.admin, http.MethodDelete, one, ""), api.SessionNotFound)

	longAgo := f.person(t, "oda", "own", "owner", time.Now().Add(-13*time.Hour))
	f.sees(t, longAgo, pathAdminSessions, session.SessionID)
	refused(t, longAgo.call(f.admin, http.MethodDelete, one, ""), signInTooOld)
	staff := &user{t: t, c: f.cloud, client: newClient(t), token: f.schedulerToken(doorAudience, seller)}
	refused(t, staff.call(f.admin, http.MethodGet, pathAdminSessions, ""), api.Unauthenticated)

	if r := oda.call(f.admin, http.MethodDelete, one, ""); r.status != http.StatusNoContent {
		t.Errorf("end a session: %d %s", r.status, r.body)
	}
	if p := refused(t, ann.heartbeat(f.heartbeat, session.SessionID, ""), api.SessionEnded); p.Reason == nil || *p.Reason != "revoked" {
		t.Errorf("ended because of %v", p.Reason)
	}
	f.sees(t, oda, pathAdminSessions)
}

// sees checks which sessions are in a list.
func (f *fleet) sees(t *testing.T, u *user, path string, want ...string) {
	t.Helper()
	list := read[api.SessionList](t, u.call(f.admin, http.MethodGet, path, ""), http.StatusOK)
	got := make([]string, len(list.Sessions))
	for i, s := range list.Sessions {
		got[i] = s.SessionID
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has %q, want %q", path, got, want)
	}
}

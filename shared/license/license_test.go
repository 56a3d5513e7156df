package license_test

import (
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func TestMayEnd(t *testing.T) {
	for _, tt := range []struct {
		role             license.Role
		own, other, none bool // a session of the caller's, of another user, of nobody
		administers      bool
	}{
		{license.RoleMember, true, false, false, false},
		{license.RoleAdmin, true, true, true, true},
		{license.RoleOwner, true, true, true, true},
		{license.RoleService, true, false, false, false},
		{"", true, false, false, false},
		{"ADMIN", true, false, false, false},
		{"superuser", true, false, false, false},
	} {
		caller := license.Caller{OrganizationID: "acme", UserID: "u-1", Role: tt.role}
		if own, other, none := caller.MayEnd("u-1"), caller.MayEnd("u-2"), caller.MayEnd(""); own != tt.own || other != tt.other || none != tt.none {
			t.Errorf("role %q: own %t, other %t, nobody's %t", tt.role, own, other, none)
		}
		if caller.Administers() != tt.administers {
			t.Errorf("role %q administers: %t", tt.role, caller.Administers())
		}
	}
}

// TestNobodyEndsNobodysSession: a caller without a user id is not the holder of
// a session without one.
func TestNobodyEndsNobodysSession(t *testing.T) {
	service := license.ServiceCaller("acme")
	if service.OrganizationID != "acme" || service.Role != license.RoleService || service.UserID != "" {
		t.Errorf("Service: %+v", service)
	}
	if service.MayEnd("") || service.MayEnd("u-1") {
		t.Error("the service's own caller passes for a holder")
	}
}

func TestValidID(t *testing.T) {
	longest := strings.Repeat("a", 63)
	for _, id := range []string{"a", "0", "acme", "acme-pro", "a-", "a--b", "0-0", longest, "0199aaaa-0000-7000-8000-000000000001"} {
		if !license.ValidID(id) {
			t.Errorf("%q is refused", id)
		}
	}
	for _, id := range []string{
		"", "-a", "-", "A", "aCme", "acme_pro", "acme.pro", "acme/pro", "a b", " a", "a ", "a\n", "\na", "a\x00", "..", ".", "é", "ａ", "{a}", "a:b",
		longest + "a", strings.Repeat("a", 1<<16),
	} {
		if license.ValidID(id) {
			t.Errorf("%.80q is taken", id)
		}
	}
}

func TestValidSessionID(t *testing.T) {
	const id = "0199aaaa-0000-7000-8000-00000000000f"
	for _, good := range []string{id, strings.ToUpper(id), "00000000-0000-0000-0000-000000000000"} {
		if !license.ValidSessionID(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", "-", id[:35], id + "0", id + "\n", "\n" + id, " " + id, "{" + id + "}", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""),
		strings.Replace(id, "-", "_", 1), strings.Replace(id, "f", "g", 1), "0199aaaa0-000-7000-8000-00000000000f", id + "/" + id,
	} {
		if license.ValidSessionID(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestEveryCharacterOfAnID tries all bytes at the start and further on.
func TestEveryCharacterOfAnID(t *testing.T) {
	for c := range 256 {
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if got := license.ValidID(string([]byte{byte(c)})); got != letter {
			t.Errorf("byte %#x at the start: %t", c, got)
		}
		if got := license.ValidID("a" + string([]byte{byte(c)})); got != (letter || c == '-') {
			t.Errorf("byte %#x further on: %t", c, got)
		}
	}
}

func TestEntitlementsFindTheirLicenses(t *testing.T) {
	e := license.Entitlements{Licenses: []license.License{{ID: "a", Plan: "one"}, {ID: "b", Plan: "two"}}}
	if got, ok := e.License("b"); !ok || got.Plan != "two" {
		t.Errorf("b: %+v, %t", got, ok)
	}
	for _, id := range []string{"", "c", "B"} {
		if got, ok := e.License(id); ok || got.ID != "" {
			t.Errorf("%q: %+v, %t", id, got, ok)
		}
	}
}

func TestErrorsSayWhatHappened(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&license.NoSeatsError{Limit: license.LimitOrganization, Used: 4, Max: 4, RetryAfter: time.Second}, "no seats available: 4 of 4 of the organization are in use"},
		{&license.AmbiguousError{LicenseIDs: []string{"a", "b"}}, "2 licenses could be meant"},
		{&license.SessionEndedError{Reason: license.EndRevoked}, "session ended: revoked"},
		{&license.UnavailableError{Backend: "redis", Err: io.ErrUnexpectedEOF}, "redis unavailable: unexpected EOF"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%T: %q, want %q", tt.err, got, tt.want)
		}
	}
	if err := error(&license.UnavailableError{Backend: "kms", Err: io.EOF}); !errors.Is(err, io.EOF) {
		t.Error("an outage hides its cause")
	}
}

// TestTheDomainImportsNothingOfOurs: the rules depend on nothing but the
// standard library, and so on no I/O of this service.
func TestTheDomainImportsNothingOfOurs(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != "github.com/coditect-ai/coditect-licenses/shared/license" {
		t.Errorf("the domain depends on\n%s", got)
	}
}

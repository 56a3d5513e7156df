package acquire

import (
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestOnlyAFoundSessionGetsItsTokenAgain, and only while the ledger has not
// decided that it is due.
func TestOnlyAFoundSessionGetsItsTokenAgain(t *testing.T) {
	server, err := fakekms.New(fakekms.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := kms.NewKeyManagementClient(t.Context(), server.ClientOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	issuer, err := token.NewIssuer(token.Config{Key: server.Key(), Name: "https://licenses.example", Deadline: 2 * time.Minute}, client)
	if err != nil {
		t.Fatal(err)
	}
	f := &function{Deps: Deps{Tokens: issuer}}
	lic := license.License{ID: "pro", Product: "studio"}
	hold := func(existing, renewed bool) ledger.Hold {
		return ledger.Hold{
			Session: license.Session{
				ID: "0199aaaa-0000-7000-8000-000000000001", OrganizationID: "acme",
				Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw"},
			},
			Now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), Existing: existing, Renewed: renewed,
		}
	}
	for _, tt := range []struct {
		name              string
		existing, renewed bool
		signatures        int
	}{
		{"made anew", false, true, 1},
		{"found", true, false, 0},
		{"made anew, by a repeat of the script", false, false, 1},
		{"found, its token due", true, true, 1},
	} {
		before := server.Calls(fakekms.MethodSign)
		if _, err := f.sign(t.Context(), hold(tt.existing, tt.renewed), lic); err != nil {
			t.Fatal(err)
		}
		if n := server.Calls(fakekms.MethodSign) - before; n != tt.signatures {
			t.Errorf("%s: %d signatures, want %d", tt.name, n, tt.signatures)
		}
	}
}

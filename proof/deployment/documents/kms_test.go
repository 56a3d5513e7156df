package documents

import (
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// TestKMSIsAskedAsOftenAsThePageSays: the reaper and an instance run for ten days of a
// clock that is moved, with a token every five minutes, and Cloud KMS counts.
func TestKMSIsAskedAsOftenAsThePageSays(t *testing.T) {
	const days, step = 10, 5 * time.Minute
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	server, err := fakekms.New(fakekms.Config{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client, err := kms.NewKeyManagementClient(t.Context(), server.ClientOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	keys := record.NewMemory()
	reaper, err := token.NewRotator(token.RotatorConfig{Key: server.Key(), EncryptionKey: server.EncryptionKey(), Now: clock, Deadline: time.Minute}, client, keys)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := token.NewIssuer(token.Config{
		Signing: token.ByDelegation, Record: keys, Key: server.Key(), EncryptionKey: server.EncryptionKey(), Name: "https://licenses.example",
		ActivationDelay: 10 * time.Minute, Deadline: time.Minute, Now: clock,
	}, client)
	if err != nil {
		t.Fatal(err)
	}
	for end := now.Add(days * 24 * time.Hour); now.Before(end); now = now.Add(step) {
		if _, err := reaper.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := instance.Issue(t.Context(), someClaims(now)); err != nil {
			t.Fatal(err)
		}
	}
	ops := kmsOperations()
	for method, want := range map[string]float64{
		fakekms.MethodSign: days * ops.day.sign, fakekms.MethodEncrypt: days * ops.day.encrypt, fakekms.MethodDecrypt: days * ops.instanceDay.decrypt,
		// Once by each when it starts; the stand-in has one version of four.
		fakekms.MethodPublicKey: ops.day.publicKey/versions + ops.start.publicKey,
	} {
		if got := server.Calls(method); float64(got) != want {
			t.Errorf("%s: %d calls in %d days, want %v", method, got, days, want)
		}
	}
}

// someClaims are those of a session that was granted at now.
func someClaims(now time.Time) token.Claims {
	session := license.Session{
		ID: "0199aaaa-0000-7000-8000-000000000000", OrganizationID: "acme",
		Holder: license.Holder{LicenseID: "acme-pro", UserID: "ann", HardwareID: "hw"},
	}
	return token.NewClaims("https://licenses.example", session, license.License{ID: "acme-pro", Product: "studio", Plan: "pro"}, now, now.Add(5*time.Minute))
}

package documents

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// operationsBlock is the shell code between two marks of docs/operations.md.
func operationsBlock(t *testing.T, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(deploytest.Text(t, "docs/operations.md"), "<!-- "+name+":begin -->\n```sh\n")
	block, _, ended := strings.Cut(rest, "```\n<!-- "+name+":end -->")
	if !found || !ended {
		t.Fatalf("docs/operations.md has no block %s", name)
	}
	return block
}

// project is one of the emulator's.
type project struct {
	id, emulator string
	env          []string // of the document's commands
}

func newProject(t *testing.T) project {
	t.Helper()
	p, bin := project{id: "t-" + uuid.NewString(), emulator: servers.Firestore(t)}, t.TempDir()
	// The emulator's word for an administrator's access token.
	deploytest.Program(t, filepath.Join(bin, "gcloud"), "#!/bin/sh\necho owner\n")
	p.env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "PROJECT=" + p.id, "FIRESTORE=http://" + p.emulator}
	return p
}

// record reads the project as the functions do.
func (p project) record(t *testing.T) record.Record {
	t.Helper()
	client, err := record.Dial(t.Context(), record.Target{ProjectID: p.id, Emulator: p.emulator})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return record.NewFirestore(client, record.FirestoreOptions{Deadline: 10 * time.Second})
}

// TestTheRecordPutBackInPlace runs the document's commands: what was decided
// before is fenced although the epoch's number is the same, and the ledger is
// forgotten. The next rebuild opens another epoch.
func TestTheRecordPutBackInPlace(t *testing.T) {
	p, k, ctx := newProject(t), newKeeper(t), t.Context()
	acme, r := license.ServiceCaller("acme"), p.record(t)
	before, err := r.OpenEpoch(ctx, acme, "server:0123456789")
	if err != nil {
		t.Fatal(err)
	}
	k.ledger("seats:{acme}:", "v3."+before.String())
	k.ledger("seats@other:{acme}:", "v3.1.f00d")
	documents := "LEDGERS=seats\nDOCUMENTS=$FIRESTORE/v1/projects/$PROJECT/databases/'(default)'/documents"
	if out := k.run("in-place", documents, p.env...); out != "acme: fenced and forgotten\n" {
		t.Errorf("it prints %q", out)
	}
	k.wantServer("seats:{acme}:", "-")
	k.wantServer("seats@other:{acme}:", "this")
	session := license.Session{ID: uuid.NewString(), AcquiredAt: time.Now(), Epoch: before, Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw"}}
	if err := r.Create(ctx, acme, session); !errors.Is(err, record.ErrFenced) {
		t.Errorf("a grant of before: %v, want it fenced", err)
	}
	after, err := r.OpenEpoch(ctx, acme, "server:9876543210")
	if err != nil || after.Number != before.Number+1 {
		t.Errorf("the next epoch is %v after %v (%v)", after, before, err)
	}
}

// TestFirstOrganization runs the document's commands against the emulator, and
// reads what they wrote as the functions do.
func TestFirstOrganization(t *testing.T) {
	p := newProject(t)
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", operationsBlock(t, "organization"))
	cmd.Env = append(os.Environ(), p.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	documents := p.record(t)
	got, err := documents.Entitlements(t.Context(), license.Caller{OrganizationID: "globex", UserID: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	want := license.Organization{
		ID: "globex", Name: "Globex", Slug: "globex", SubscriptionTier: "team", MaxConcurrentSeats: 10, Status: license.StatusActive,
	}
	if got.Organization != want {
		t.Errorf("organization %+v, want %+v", got.Organization, want)
	}
	if len(got.Licenses) != 1 {
		t.Fatalf("licenses %+v", got.Licenses)
	}
	l := got.Licenses[0]
	if l.ID != "globex-pro" || l.Product != "studio" || l.MaxSeats != 10 || l.Status != license.StatusActive || l.ExpiresAt.Year() != 2030 || strings.Join(l.Entitlements, ",") != "export" {
		t.Errorf("license %+v", l)
	}
}

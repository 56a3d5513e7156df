package documents

import (
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

// TestFirstOrganization runs the document's commands against the emulator, and
// reads what they wrote as the functions do.
func TestFirstOrganization(t *testing.T) {
	emulator, project := servers.Firestore(t), "t-"+uuid.NewString()
	bin := t.TempDir()
	// The emulator's word for an administrator's access token.
	if err := os.WriteFile(filepath.Join(bin, "gcloud"), []byte("#!/bin/sh\necho owner\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", operationsBlock(t, "organization"))
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PROJECT="+project, "FIRESTORE=http://"+emulator)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	client, err := record.Dial(t.Context(), record.Target{ProjectID: project, Emulator: emulator})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	documents := record.NewFirestore(client, record.FirestoreOptions{Deadline: 10 * time.Second})
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

package documents

import (
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
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
	return record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute}) // an emulator on a busy machine is slow
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
	wantGlobex(t, p.record(t))
}

// TestSelling runs the document's commands against the vendor's door, twice: what is
// repeated is not made anew.
func TestSelling(t *testing.T) {
	opts := devstack.Defaults()
	opts.Bare = true // without organizations
	stack, err := devstack.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stack.Close() }()
	door := httptest.NewServer(stack.Handler())
	defer door.Close()
	for range 2 {
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", operationsBlock(t, "sell"))
		cmd.Env = append(os.Environ(), "DOOR="+door.URL, "STAFF="+stack.StaffToken("eve@vendor.example"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	wantGlobex(t, stack.Service.Record)
}

// wantGlobex: the record has the document's organization and license.
func wantGlobex(t *testing.T, documents record.Record) {
	t.Helper()
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

// terraformBlocks are the resources and modules of terraform/, by address, with
// their text.
func terraformBlocks(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(deploytest.Path(t, "terraform/*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	blocks := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?s)\n(?:resource "(\w+)" "(\w+)"|module "(\w+)") \{\n(.*?)\n\}`).FindAllStringSubmatch("\n"+string(text), -1) {
			address := m[1] + "." + m[2]
			if m[3] != "" {
				address = "module." + m[3]
			}
			blocks[address] = m[4]
		}
	}
	return blocks
}

// TestAnotherRegionForgetsTheOld: what the procedure forgets is there, and whatever
// is in a region is forgotten, but for what outlasts it.
func TestAnotherRegionForgetsTheOld(t *testing.T) {
	block := operationsBlock(t, "region")
	forgotten := map[string]bool{}
	for _, address := range regexp.MustCompile(`(?:google_\w+|module)\.\w+`).FindAllString(block, -1) {
		forgotten[address] = true
	}
	outlasts := map[string]string{
		"google_firestore_database.record":      "a record that survives a region has a location of its own; one that does not is a section of its own",
		"google_storage_bucket.source":          "of the continent",
		"module.observability":                  "global; the region is in its commands",
		"google_cloudbuild_trigger.build":       "where builds run",
		"google_cloudbuild_trigger.release":     "where builds run",
		"google_project_iam_member.ledger_user": "of the project; its condition follows",
	}
	inRegion := regexp.MustCompile(`var\.region|local\.(?:delegation_)?key_name|\.images\.location|crypto_key\.signing|key_ring\.this`)
	blocks := terraformBlocks(t)
	for address := range forgotten {
		if blocks[address] == "" {
			t.Errorf("the procedure forgets %s, which is not there", address)
		}
	}
	for address, text := range blocks {
		if inRegion.MatchString(text) && !forgotten[address] && outlasts[address] == "" {
			t.Errorf("%s is in a region, and the procedure does not forget it", address)
		}
	}
}

// TestStateAddressesAreThere: whatever a document tells to import, forget or make
// anew has an address in terraform/.
func TestStateAddressesAreThere(t *testing.T) {
	blocks := terraformBlocks(t)
	pages, err := filepath.Glob(deploytest.Path(t, "docs/playbooks/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, page := range append(pages, deploytest.Path(t, "docs/operations.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "-var-file") || regexp.MustCompile(`tofu (?:apply|destroy|plan)[^`+"`"+`\n]* -target=`).Match(text) {
			t.Errorf("%s tells to apply with -var-file or -target", page)
		}
		commands := regexp.MustCompile(`(?m)tofu (?:state rm|import|apply -replace=|-chdir=terraform apply -replace=)(?:[^\n]*\\\n)*[^\n]*`).FindAllString(string(text), -1)
		for _, command := range commands {
			for _, address := range regexp.MustCompile(`(?:google_\w+|module)\.\w+`).FindAllString(command, -1) {
				count++
				if blocks[address] == "" {
					t.Errorf("%s: there is no %s", page, address)
				}
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d addresses were found", count)
	}
}

// TestOperationsNamesWhatIsThere: scripts, files and make targets that the page for
// operators names exist.
func TestOperationsNamesWhatIsThere(t *testing.T) {
	text := deploytest.Text(t, "docs/operations.md")
	makefile := deploytest.Text(t, "Makefile")
	for _, path := range regexp.MustCompile(`\b(?:scripts|terraform|docs|proof|shared)/[\w/-]+\.(?:sh|tf|yaml|rules|md|go|example)\b`).FindAllString(text, -1) {
		if _, err := os.Stat(deploytest.Path(t, path)); err != nil && path != "terraform/root.tf" { // the operator's own
			t.Error(err)
		}
	}
	for _, m := range regexp.MustCompile("`make ([a-z-]+)`").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(makefile, "\n"+m[1]+":") {
			t.Errorf("there is no make %s", m[1])
		}
	}
	for _, output := range regexp.MustCompile(`output -(?:raw|json) (\w+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(deploytest.Text(t, "terraform/outputs.tf"), `output "`+output[1]+`" {`) {
			t.Errorf("there is no output %s", output[1])
		}
	}
}

// TestLinksForOperators lead to a page that is there, and to a heading in it.
func TestLinksForOperators(t *testing.T) {
	pages, err := filepath.Glob(deploytest.Path(t, "docs/playbooks/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	names := []string{"docs/operations.md", "terraform/README.md", "terraform/modules/observability/README.md"}
	for _, page := range pages {
		names = append(names, "docs/playbooks/"+filepath.Base(page))
	}
	for _, name := range names {
		for _, m := range regexp.MustCompile(`\]\(([\w./-]*)(?:#([\w-]+))?\)`).FindAllStringSubmatch(deploytest.Text(t, name), -1) {
			target := name
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(name), m[1])
			}
			if info, err := os.Stat(deploytest.Path(t, target)); err != nil || info.IsDir() {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			if m[2] != "" && !slices.Contains(headingAnchors(deploytest.Text(t, target)), m[2]) {
				t.Errorf("%s: %s has no heading for #%s", name, target, m[2])
			}
		}
	}
}

package documents

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// standIns are a tofu and a gcloud that answer out of files and write down what they are
// called with.
type standIns struct {
	*testing.T
	dir string
}

func newStandIns(t *testing.T) standIns {
	t.Helper()
	s := standIns{t, t.TempDir()}
	deploytest.Program(t, filepath.Join(s.dir, "tofu"), `#!/usr/bin/env bash
case "$1 $2" in
"state list") cat "$DIR/state" ;;
"state show") cat "$DIR/shown/$(printf %s "${!#}" | tr -dc 'a-z_.')" ;;
*) printf '%s\n' "$*" >>"$DIR/calls"; cat >/dev/null ;; # a program that reads must not take what is not its own
esac
`)
	deploytest.Program(t, filepath.Join(s.dir, "gcloud"), `#!/usr/bin/env bash
case "$*" in
*"indexes composite list"*) cat "$DIR/indexes" ;;
*get-iam-policy*) printf '%s\n' "$*" >>"$DIR/asked"; cat "$DIR/bindings" ;;
*) printf '%s\n' "$*" >>"$DIR/calls"; cat >/dev/null ;;
esac
`)
	return s
}

func (s standIns) write(name, text string) {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// run runs a block of the page and returns the calls that change something.
func (s standIns) run(block string) []string {
	s.Helper()
	calls := filepath.Join(s.dir, "calls")
	s.write("calls", "")
	cmd := exec.CommandContext(s.Context(), "bash", "-euo", "pipefail", "-c", operationsBlock(s.T, block))
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + s.dir + ":" + os.Getenv("PATH"), "DIR=" + s.dir, "PROJECT=acme", "RECORD=licenses-restored"}
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("%s: %v\n%s", block, err, out)
	}
	return deploytest.Lines(s.T, calls)
}

// index is what `tofu state show` prints of one: its fields in order, and the one that
// Firestore puts after them.
func index(address, collection string, fields ...string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s:\nresource \"google_firestore_index\" \"x\" {\n    api_scope   = \"ANY_API\"\n    collection  = %q\n    query_scope = \"COLLECTION\"\n", address, collection)
	for _, field := range append(fields, "__name__:ASCENDING") {
		path, order, _ := strings.Cut(field, ":")
		fmt.Fprintf(&text, "\n    fields {\n        field_path = %q\n        order      = %q\n    }\n", path, order)
	}
	return text.String() + "}\n"
}

// TestTheFormerRecordIsForgottenWhole: whatever is of the record's database is forgotten
// by the procedure, and nothing else is; what follows the database by itself is known.
func TestTheFormerRecordIsForgottenWhole(t *testing.T) {
	s, blocks := newStandIns(t), terraformBlocks(t)
	var state []string
	for _, address := range slices.Sorted(maps.Keys(blocks)) {
		switch text := blocks[address]; {
		case strings.Contains(text, "for_each"):
			state = append(state, address+`["one"]`, address+`["two.three"]`)
		case regexp.MustCompile(`(?m)^  count `).MatchString(text):
			state = append(state, address+"[0]")
		default:
			state = append(state, address)
		}
		if strings.HasPrefix(address, "google_firestore_index.") {
			s.write("shown/"+regexp.MustCompile(`[^a-z_.]`).ReplaceAllString(state[len(state)-1], ""), index(address, "sessions", "part:ASCENDING"))
			s.write("shown/"+regexp.MustCompile(`[^a-z_.]`).ReplaceAllString(address+`["one"]`, ""), index(address, "sessions", "part:ASCENDING"))
		}
	}
	s.write("state", strings.Join(state, "\n")+"\n")
	forgotten := strings.Fields(strings.Join(s.run("record-forget"), " "))
	if len(forgotten) < 3 || forgotten[0] != "state" || forgotten[1] != "rm" {
		t.Fatalf("it calls %q", forgotten)
	}
	forgotten = forgotten[2:]
	follows := map[string]string{"module.observability": "its alerts are told the name"}
	of := regexp.MustCompile(`google_firestore_database\.record\b`)
	count := 0
	for _, address := range slices.Sorted(maps.Keys(blocks)) {
		bound := of.MatchString(blocks[address]) || address == "google_firestore_database.record"
		switch isForgotten := slices.Contains(forgotten, address); {
		case bound && !isForgotten && follows[address] == "":
			t.Errorf("%s is of the record's database, and the procedure does not forget it", address)
		case isForgotten && !bound:
			t.Errorf("the procedure forgets %s, which is not of the record's database", address)
		case isForgotten:
			count++
		}
	}
	if count != len(forgotten) || count < 10 {
		t.Errorf("%d of the record are forgotten, of %q", count, forgotten)
	}
	regional := section(t, "### A regional record")
	if !strings.Contains(regional, "step 3 of [the record under another name]") || strings.Contains(regional, "google_firestore_") {
		t.Error("a regional record is not forgotten by the same commands")
	}
}

// TestRestoredIndexesAreTakenUp: each index of a restored database goes where the one of
// the same fields was, and one that nobody knows goes nowhere.
func TestRestoredIndexesAreTakenUp(t *testing.T) {
	s := newStandIns(t)
	s.write("state", "google_firestore_database.record\ngoogle_firestore_index.ended_sessions\n"+
		`google_firestore_index.live_sessions["all"]`+"\n"+`google_firestore_index.live_sessions["project"]`+"\nmodule.functions[\"acquire\"].x.y[0]\n")
	s.write("shown/google_firestore_index.ended_sessions", index("e", "sessions", "part:ASCENDING", "ended_at:ASCENDING"))
	s.write("shown/google_firestore_index.live_sessionsall", index("a", "sessions", "status:ASCENDING", "acquired_at:DESCENDING"))
	s.write("shown/google_firestore_index.live_sessionsproject", index("p", "sessions", "status:ASCENDING", "client.project:ASCENDING", "acquired_at:DESCENDING"))
	s.run("record-forget")
	const of = "projects/acme/databases/licenses-restored/collectionGroups/"
	s.write("indexes", of+"sessions/indexes/A1\tstatus:ASCENDING client.project:ASCENDING acquired_at:DESCENDING __name__:DESCENDING\n"+
		of+"sessions/indexes/A2\tpart:ASCENDING ended_at:ASCENDING __name__:ASCENDING\n"+
		of+"events/indexes/A3\tstatus:ASCENDING acquired_at:DESCENDING __name__:DESCENDING\n"+
		of+"sessions/indexes/A4\tstatus:ASCENDING acquired_at:DESCENDING\n")
	want := []string{
		"import google_firestore_database.record projects/acme/databases/licenses-restored",
		`import google_firestore_index.live_sessions["project"] ` + of + "sessions/indexes/A1",
		"import google_firestore_index.ended_sessions " + of + "sessions/indexes/A2",
		`import google_firestore_index.live_sessions["all"] ` + of + "sessions/indexes/A4",
	}
	if got := s.run("record-import"); !slices.Equal(got, want) {
		t.Errorf("it calls\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestGrantsAreThereBeforeTheRevisions: everybody who may use the record may use the other
// one too, by the very grants that Terraform would make.
func TestGrantsAreThereBeforeTheRevisions(t *testing.T) {
	s := newStandIns(t)
	const user, deleter, account = "projects/acme/roles/licenses.recordUser", "projects/acme/roles/licenses.recordDeleter", "serviceAccount:licenses-control@acme.iam.gserviceaccount.com"
	s.write("bindings", user+"\t"+account+"\n"+deleter+"\t"+account+"\n")
	got := s.run("record-grants")
	source := deploytest.Text(t, "terraform/record.tf")
	_, source, _ = strings.Cut(source, "  record_only = {")
	source, _, _ = strings.Cut(source, "\n  }\n")
	values := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^ +(\w+) += "(.*)"$`).FindAllStringSubmatch(source, -1) {
		values[m[1]] = strings.NewReplacer(`\"`, `"`, "${var.name}", "licenses", "${var.project_id}", "acme", "${google_firestore_database.record.name}", "licenses-restored").Replace(m[2])
	}
	condition := "--condition=title=" + values["title"] + ",description=" + values["description"] + ",expression=" + values["expression"]
	var want []string
	for _, role := range []string{deleter, user} {
		want = append(want, "projects add-iam-policy-binding acme --role="+role+" --member="+account+" "+condition)
	}
	if !slices.Equal(got, want) {
		t.Errorf("it calls\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if asked := strings.Join(deploytest.Lines(t, filepath.Join(s.dir, "asked")), "\n"); !strings.Contains(asked, "bindings.condition.title="+values["title"]) {
		t.Errorf("the grants of the record are asked for by %s", asked)
	}
}

// section is what stands below a heading of the page for operators, up to the next.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(deploytest.Text(t, "docs/operations.md"), "\n"+heading+"\n")
	if !found {
		t.Fatalf("docs/operations.md has no %s", heading)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	text, _, _ = strings.Cut(text, "\n### ")
	return text
}

// TestAPauseStopsEverything: every public function is in the table and is asked whether it
// is stopped, every schedule but the rotation's follows the pause, and no step is one that
// an apply would take back.
func TestAPauseStopsEverything(t *testing.T) {
	text := section(t, "### Pausing the service")
	for _, f := range deploytest.Functions() {
		if !regexp.MustCompile(`(?m)^\| [a-z, ]*\b` + f + `\b[a-z, ]* \|`).MatchString(text) {
			t.Errorf("the page does not say what a pause does to %s", f)
		}
	}
	for _, byHand := range []string{"security-policies rules create", "jobs pause", "jobs resume"} {
		if strings.Contains(text, byHand) {
			t.Errorf("a pause by %q is taken back by the next apply", byHand)
		}
	}
	schedules := 0
	for address, block := range terraformBlocks(t) {
		if !strings.HasPrefix(address, "google_cloud_scheduler_job.") || address == "google_cloud_scheduler_job.rotation" {
			continue
		}
		schedules++
		name := strings.TrimPrefix(address, "google_cloud_scheduler_job.")
		if !regexp.MustCompile(`(?m)^  paused += var\.paused$`).MatchString(block) {
			t.Errorf("%s goes on while the service is paused", address)
		}
		if !strings.Contains(text, "`"+name+"-silent`") {
			t.Errorf("the page does not say that %s-silent goes off", name)
		}
	}
	if schedules < 2 {
		t.Errorf("only %d schedules are found", schedules)
	}
}

// TestAPauseIsLookedAt at each of the doors, by the page's commands.
func TestAPauseIsLookedAt(t *testing.T) {
	dir := t.TempDir()
	deploytest.Program(t, filepath.Join(dir, "curl"), "#!/bin/sh\nprintf '%s ' \"$@\" >>\"$DIR/calls\"\necho >>\"$DIR/calls\"\n")
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", operationsBlock(t, "paused"))
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "DIR=" + dir, "DOMAIN=d", "DOOR=https://door", "STAFF=x"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	calls := deploytest.Lines(t, filepath.Join(dir, "calls"))
	if len(calls) != 5 || !strings.Contains(calls[1], "https://d/api/v1/licenses/sessions/00000000-0000-7000-8000-000000000000/heartbeat") || !strings.Contains(calls[4], "https://door/") {
		t.Errorf("it asks\n%s", strings.Join(calls, "\n"))
	}
}

// TestWhatMayBeInTheWayIsTold: policies of an organization, a shared network, quotas.
func TestWhatMayBeInTheWayIsTold(t *testing.T) {
	text := section(t, "### What may be in the way")
	for _, word := range []string{"requireInvokerIam", "allowedVPCEgress", "resourceLocations", "NonCmekServices", "**Shared VPC.**", "**Quotas**", "20 vCPU"} {
		if !strings.Contains(text, word) {
			t.Errorf("nothing is said of %s", word)
		}
	}
}

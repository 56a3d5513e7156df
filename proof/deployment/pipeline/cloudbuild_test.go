// Package pipeline checks cloudbuild.yaml and what it calls.
package pipeline

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// cloudBuild is cloudbuild.yaml, with those members of its schema that we use: a
// misspelt one is a fault
// (https://docs.cloud.google.com/build/docs/build-config-file-schema).
type cloudBuild struct {
	Substitutions  map[string]string `yaml:"substitutions"`
	Steps          []buildStep       `yaml:"steps"`
	Images         []string          `yaml:"images"`
	ServiceAccount string            `yaml:"serviceAccount"`
	Timeout        string            `yaml:"timeout"`
	Options        struct {
		RequestedVerifyOption string                        `yaml:"requestedVerifyOption"`
		SubstitutionOption    string                        `yaml:"substitutionOption"`
		DynamicSubstitutions  bool                          `yaml:"dynamicSubstitutions"`
		Logging               string                        `yaml:"logging"`
		MachineType           string                        `yaml:"machineType"`
		Volumes               []struct{ Name, Path string } `yaml:"volumes"`
		Env                   []string                      `yaml:"env"`
	} `yaml:"options"`
}

type buildStep struct {
	ID         string   `yaml:"id"`
	Name       string   `yaml:"name"`
	WaitFor    []string `yaml:"waitFor"`
	Entrypoint string   `yaml:"entrypoint"`
	Args       []string `yaml:"args"`
	Env        []string `yaml:"env"`
	Timeout    string   `yaml:"timeout"`
	// AllowFailure: the build goes on, and succeeds, without it.
	AllowFailure bool `yaml:"allowFailure"`
}

// byTag are the images that are named by version alone, because nobody has asked
// their registries yet: scripts/pin-images.sh writes their digests. Take an image off
// this list once it has one; none may be added.
var byTag = []string{
	"buildpacksio/pack:0.39.1",
	"gcr.io/buildpacks/builder:google-24",
	"gcr.io/google.com/cloudsdktool/google-cloud-cli:528.0.0-slim",
}

// builtIn are the substitutions that every build has, started by a trigger or by
// hand. COMMIT_SHA and its like are empty by hand, and so not to be used.
// https://docs.cloud.google.com/build/docs/configuring-builds/substitute-variable-values
var builtIn = []string{"PROJECT_ID", "PROJECT_NUMBER", "BUILD_ID", "LOCATION"}

// buildFiles are what the pipeline is made of, as the checks read them; by path
// from the module's root. Tests break a copy.
type buildFiles struct {
	t    *testing.T
	text map[string]string
}

func readBuildFiles(t *testing.T) buildFiles {
	t.Helper()
	files := buildFiles{t, map[string]string{}}
	for _, path := range []string{"cloudbuild.yaml", "scripts/release/deploy.yaml", "Makefile", "Dockerfile", "project.toml", "go.mod", "terraform/build.tf"} {
		files.text[path] = deploytest.Text(t, path)
	}
	scripts, err := filepath.Glob(deploytest.Path(t, "scripts/release/*.sh"))
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, script := range scripts {
		name := "scripts/release/" + filepath.Base(script)
		files.text[name] = deploytest.Text(t, name)
	}
	return files
}

// faults is everything that is wrong with the pipeline.
func (f buildFiles) faults() []string {
	var all []string
	for _, path := range []string{"cloudbuild.yaml", "scripts/release/deploy.yaml"} {
		decoder := yaml.NewDecoder(strings.NewReader(f.text[path]))
		decoder.KnownFields(true)
		var b cloudBuild
		if err := decoder.Decode(&b); err != nil {
			return []string{err.Error()}
		}
		all = slices.Concat(all, f.order(b), f.variables(path, b), f.paths(path, b), f.environment(b), f.pins(b), f.accounts(b))
		if path == "cloudbuild.yaml" {
			all = slices.Concat(all, f.promises(b))
		}
	}
	return slices.Concat(all, f.versions())
}

// order: ids are unique, every step waits for earlier ones by name (so nothing
// waits in a circle), and the deployment waits for everything that may not fail, and
// for nothing that may.
func (f buildFiles) order(b cloudBuild) []string {
	var faults []string
	before := map[string]map[string]bool{} // step → all it waits for, also through others
	for _, step := range b.Steps {
		if step.ID == "" || before[step.ID] != nil {
			faults = append(faults, fmt.Sprintf("step id %q is empty or not the only one", step.ID))
		}
		before[step.ID] = map[string]bool{}
		if len(step.WaitFor) == 0 {
			faults = append(faults, "step "+step.ID+" does not say what it waits for")
		}
		for _, earlier := range step.WaitFor {
			switch {
			case earlier == "-":
			case before[earlier] == nil || earlier == step.ID:
				faults = append(faults, "step "+step.ID+" waits for "+earlier+", which is no earlier step")
			default:
				before[step.ID][earlier] = true
				for further := range before[earlier] {
					before[step.ID][further] = true
				}
			}
		}
	}
	for _, step := range b.Steps {
		switch waits := before["deploy"][step.ID]; {
		case step.ID == "deploy":
		case !waits && !step.AllowFailure:
			faults = append(faults, "the deployment does not wait for "+step.ID)
		case waits && step.AllowFailure:
			faults = append(faults, "the deployment waits for "+step.ID+", which may fail")
		}
	}
	return faults
}

// variables: those used are declared, those declared are used, and Terraform gives
// none that is not there. (Google would refuse them only in a build by hand.)
func (f buildFiles) variables(path string, b cloudBuild) []string {
	var faults []string
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(f.text[path]), &document); err != nil {
		return []string{err.Error()}
	}
	used := map[string]bool{}
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			text := strings.ReplaceAll(n.Value, "$$", "")
			for _, m := range regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`).FindAllStringSubmatch(text, -1) {
				used[m[1]] = true
			}
		}
		for _, child := range n.Content {
			visit(child)
		}
	}
	visit(&document)
	for name := range used {
		if _, declared := b.Substitutions[name]; !declared && !slices.Contains(builtIn, name) {
			faults = append(faults, "$"+name+" is neither declared nor known to every build")
		}
	}
	for name := range b.Substitutions {
		if !used[name] {
			faults = append(faults, "substitution "+name+" is not used")
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\s+(_[A-Z_]+)\s+=`).FindAllStringSubmatch(f.text["terraform/build.tf"], -1) {
		if _, declared := b.Substitutions[m[1]]; !declared {
			faults = append(faults, "terraform/build.tf gives "+m[1]+", which "+path+" does not declare")
		}
	}
	return faults
}

// paths: what is named is there, scripts can be executed, make targets exist.
func (f buildFiles) paths(build string, b cloudBuild) []string {
	var faults []string
	for _, path := range regexp.MustCompile(`\b(?:scripts|terraform|docs|internal|cmd|proof|client)/[\w./-]*\w`).FindAllString(f.text[build], -1) {
		info, err := os.Stat(deploytest.Path(f.t, path))
		switch {
		case err != nil:
			faults = append(faults, path+" is not there")
		case strings.HasSuffix(path, ".sh") && info.Mode()&0o111 == 0:
			faults = append(faults, path+" cannot be executed")
		}
	}
	for path, text := range f.text {
		if strings.HasSuffix(path, ".sh") && !strings.HasPrefix(text, "#!/usr/bin/env bash\n") {
			faults = append(faults, path+" does not say that bash runs it")
		}
	}
	for _, step := range b.Steps {
		if step.Entrypoint != "make" {
			continue
		}
		for _, target := range step.Args {
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).MatchString(f.text["Makefile"]) {
				faults = append(faults, "the Makefile has no target "+target)
			}
		}
	}
	return faults
}

// environment: a script gets every variable that it insists on.
func (f buildFiles) environment(b cloudBuild) []string {
	var faults []string
	for _, step := range b.Steps {
		given := map[string]bool{}
		for _, pair := range slices.Concat(b.Options.Env, step.Env) {
			name, _, _ := strings.Cut(pair, "=")
			given[name] = true
		}
		line := strings.Join(append([]string{step.Entrypoint}, step.Args...), " ")
		for _, script := range regexp.MustCompile(`scripts/release/[\w-]+\.sh`).FindAllString(line, -1) {
			for _, m := range regexp.MustCompile(`\$\{([A-Z_]+):\?\}`).FindAllStringSubmatch(f.text[script], -1) {
				if !given[m[1]] {
					faults = append(faults, script+" needs "+m[1]+", which step "+step.ID+" does not give it")
				}
			}
		}
	}
	return faults
}

// pins: images are named by a version and a digest, so that a build does not change
// by itself, and what is deployed by its digest.
func (f buildFiles) pins(b cloudBuild) []string {
	var faults []string
	versioned := regexp.MustCompile(`^[^\s:@]+(?::[0-9]+)?(?:/[^\s:@]+)*:v?[\w.-]*[0-9][\w.-]*(@sha256:[0-9a-f]{64})?$`)
	for _, step := range b.Steps {
		images := []string{step.Name}
		for _, argument := range slices.Concat(step.Args, step.Env) {
			if name, image, found := strings.Cut(argument, "="); found && (name == "--builder" || strings.HasSuffix(name, "_IMAGE")) {
				images = append(images, image)
			}
		}
		for _, image := range images {
			switch m := versioned.FindStringSubmatch(image); {
			case m == nil:
				faults = append(faults, "step "+step.ID+": image "+image+" has no version")
			case m[1] == "" && !slices.Contains(byTag, image):
				faults = append(faults, "step "+step.ID+": image "+image+" has no digest: run scripts/pin-images.sh")
			}
		}
		line := strings.Join(step.Args, " ")
		if step.ID == "deploy" && !strings.Contains(line, "image.digest") && !strings.HasSuffix(line, "@$_DIGEST") {
			faults = append(faults, "what is deployed is not the digest that was published: "+line)
		}
	}
	return faults
}

// accounts: a build runs as its own account, and logs without a bucket.
func (f buildFiles) accounts(b cloudBuild) []string {
	var faults []string
	if b.ServiceAccount == "" {
		faults = append(faults, "the build has no account of its own")
	}
	if b.Options.Logging != "CLOUD_LOGGING_ONLY" {
		faults = append(faults, "logs need a bucket that is not there")
	}
	if !b.Options.DynamicSubstitutions {
		faults = append(faults, "a build by hand would not put names together")
	}
	if b.Timeout == "" {
		faults = append(faults, "the build has no timeout")
	}
	return faults
}

// versions: one Go everywhere.
func (f buildFiles) versions() []string {
	var faults []string
	find := func(path, pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(f.text[path])
		if m == nil {
			faults = append(faults, path+" names no Go version")
			return ""
		}
		return m[1]
	}
	minor := find("go.mod", `(?m)^go (\d+\.\d+)`)
	image := find("Dockerfile", `FROM golang:(\S+)`)
	patch := regexp.MustCompile(`^\d+\.\d+\.\d+`).FindString(image)
	if !strings.Contains(image, "@sha256:") {
		faults = append(faults, "the Dockerfile's golang:"+image+" has no digest")
	}
	find("cloudbuild.yaml", `name: golang:(\S+)`)
	for _, m := range regexp.MustCompile(`golang:(\S+)`).FindAllStringSubmatch(f.text["cloudbuild.yaml"], -1) {
		if m[1] != image {
			faults = append(faults, "cloudbuild.yaml builds with golang:"+m[1]+", the Dockerfile with golang:"+image)
		}
	}
	if !strings.HasPrefix(image, minor+".") {
		faults = append(faults, "go.mod wants Go "+minor+", the Dockerfile has golang:"+image)
	}
	if got := find("project.toml", `"GOOGLE_GO_VERSION"\s+value = "([^"]*)"`); got != patch {
		faults = append(faults, "the tests run with Go "+patch+", buildpacks build with "+got)
	}
	return faults
}

// promises: what the file must say whatever else changes.
func (f buildFiles) promises(b cloudBuild) []string {
	var faults []string
	demand := func(holds bool, fault string) {
		if !holds {
			faults = append(faults, fault)
		}
	}
	demand(b.Options.RequestedVerifyOption == "VERIFIED", "no provenance is asked for")
	run := ""
	for _, step := range b.Steps {
		run += " " + strings.Join(step.Args, " ") + " "
	}
	for _, target := range []string{"lint", "secrets", "vulncheck", "fuzz", "test", "coverage", "test-proof"} {
		demand(strings.Contains(run, " "+target+" "), "no step makes "+target)
	}
	demand(strings.Contains(f.text["Makefile"], "$(GO) mod verify;"), "lint does not compare modules with go.sum")
	built := ""
	for _, step := range b.Steps {
		if step.ID == "image" && len(step.Args) > 1 {
			built = step.Args[1]
		}
	}
	demand(slices.Equal(b.Images, []string{built}), fmt.Sprintf("images: lists %q, built is %q", b.Images, built))
	for _, script := range []string{"deploy.sh", "rollback.sh"} {
		demand(strings.Contains(f.text["scripts/release/"+script], "functions=(acquire heartbeat release reaper control admin)\n"),
			script+" is not about the six functions")
		demand(strings.Contains(f.text["scripts/release/"+script], "functions+=(deliver)\n"), script+" forgets deliver")
	}
	return faults
}

func TestCloudBuild(t *testing.T) {
	t.Parallel()
	for _, fault := range readBuildFiles(t).faults() {
		t.Error(fault)
	}
}

// TestCloudBuildFaults: each check notices what it is for.
func TestCloudBuildFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, old, replacement, want string }{
		{"a misspelt member", "cloudbuild.yaml", "waitFor: [lint]", "waitfor: [lint]", "waitfor"},
		{"an id twice", "cloudbuild.yaml", "id: sbom", "id: publish", `"publish"`},
		{"no such step", "cloudbuild.yaml", "waitFor: [lint]", "waitFor: [lunt]", "lunt"},
		{"a circle", "cloudbuild.yaml", "waitFor: [lint]", "waitFor: [publish]", "no earlier step"},
		{"itself", "cloudbuild.yaml", "waitFor: [lint]", "waitFor: [vulnerabilities]", "no earlier step"},
		{"untested", "cloudbuild.yaml", "waitFor: [test]", `waitFor: ["-"]`, "does not wait for test"},
		{"what it needs may fail", "cloudbuild.yaml", "    entrypoint: scripts/release/publish.sh\n", "    entrypoint: scripts/release/publish.sh\n    allowFailure: true\n", "waits for publish, which may fail"},
		{"a list is waited for", "cloudbuild.yaml", "waitFor: [firestore-rules]", "waitFor: [firestore-rules, sbom]", "waits for sbom, which is no earlier step"},
		{"a list that must not fail", "cloudbuild.yaml", "    allowFailure: true\n", "", "does not wait for sbom"},
		{"unordered", "cloudbuild.yaml", "    waitFor: [publish]\n", "", "does not say what it waits for"},
		{"secrets are not looked for", "cloudbuild.yaml", "args: [secrets]", "args: [lint]", "no step makes secrets"},
		{"no fuzzing", "cloudbuild.yaml", "args: [fuzz, test, coverage, test-proof]", "args: [test, coverage, test-proof]", "no step makes fuzz"},
		{"modules nobody verifies", "Makefile", "$(GO) mod verify;", "", "go.sum"},
		{"undeclared", "cloudbuild.yaml", "  # Percent of the traffic that new revisions get first; 0 gives them all at once.\n  _CANARY_PERCENT: \"10\"\n", "", "$_CANARY_PERCENT"},
		{"unused", "cloudbuild.yaml", "    - DEPLOY=$_DEPLOY\n", "", "_DEPLOY is not used"},
		{"no built-in", "cloudbuild.yaml", "- REGION=$_REGION", "- REGION=$REGION_NAME", "$REGION_NAME"},
		{"only triggers know it", "cloudbuild.yaml", "- $_IMAGE:$BUILD_ID\n", "- $_IMAGE:$COMMIT_SHA\n", "$COMMIT_SHA"},
		{"not of Terraform's", "terraform/build.tf", "_DOMAIN  ", "_HOST  ", "_HOST"},
		{"no such script", "cloudbuild.yaml", "scripts/release/services.sh", "scripts/release/service.sh", "service.sh is not there"},
		{"no such file", "cloudbuild.yaml", "args: [terraform/firestore.rules]", "args: [terraform/firebase.rules]", "firebase.rules is not there"},
		{"not executable", "cloudbuild.yaml", "scripts/release/services.sh", "proof/deployment/pipeline/testdata/plain.sh", "plain.sh cannot be executed"},
		{"not bash", "scripts/release/deploy.sh", "#!/usr/bin/env bash", "#!/bin/sh", "does not say that bash runs it"},
		{"no such target", "Makefile", "vulncheck:", "vuln:", "target vulncheck"},
		{"a variable it needs", "cloudbuild.yaml", "    - URL=https://$_DOMAIN\n", "    - ADDRESS=https://$_DOMAIN\n", "deploy.sh needs URL"},
		{"a variable the release needs", "scripts/release/deploy.yaml", "    - URL=https://$_DOMAIN\n", "    - ADDRESS=https://$_DOMAIN\n", "deploy.sh needs URL"},
		{"a release of a tag", "scripts/release/deploy.yaml", "@$_DIGEST", ":$_DIGEST", "not the digest"},
		{"latest", "cloudbuild.yaml", "anchore/syft:v1.51.0", "anchore/syft:latest", "has no version"},
		{"no digest", "cloudbuild.yaml", "anchore/syft:v1.51.0@sha256:678bfa565b60f747aac0f8e964fe5588a24445b8d0a480e91f6efd70020dfbb0", "anchore/syft:v1.51.0", "anchore/syft:v1.51.0 has no digest"},
		{"a new image by tag", "scripts/release/deploy.yaml", "google-cloud-cli:528.0.0-slim", "google-cloud-cli:600.0.0-slim", "600.0.0-slim has no digest"},
		{"no tag", "cloudbuild.yaml", "buildpacksio/pack:0.39.1", "buildpacksio/pack", "buildpacksio/pack has no version"},
		{"the builder", "cloudbuild.yaml", "builder:google-24", "builder", "gcr.io/buildpacks/builder has no version"},
		{"a step service", "cloudbuild.yaml", "valkey/valkey:8.0@", "valkey/valkey:alpine@", "has no version"},
		{"a tag is deployed", "cloudbuild.yaml", `"$$(cat image.digest)"`, "$_IMAGE:$BUILD_ID", "not the digest"},
		{"another Go", "Dockerfile", "golang:1.26.8", "golang:1.26.9", "cloudbuild.yaml builds with"},
		{"an older Go", "go.mod", "\ngo 1.26", "\ngo 1.27", "go.mod wants Go 1.27, the Dockerfile"},
		{"another Go for buildpacks", "project.toml", `"1.26.8"`, `"1.26.x"`, "buildpacks build with 1.26.x"},
		{"a Go without a digest", "Dockerfile", "golang:1.26.8-bookworm@sha256:", "golang:1.26.8-bookworm-", "has no digest"},
		{"no provenance", "cloudbuild.yaml", "  requestedVerifyOption: VERIFIED\n", "", "no provenance"},
		{"nothing to prove", "cloudbuild.yaml", "images:\n  - $_IMAGE:$BUILD_ID\n", "images:\n  - $_IMAGE:other\n", "images: lists"},
		{"logs elsewhere", "cloudbuild.yaml", "CLOUD_LOGGING_ONLY", "LEGACY", "logs need a bucket"},
		{"a function is forgotten", "scripts/release/deploy.sh", "functions=(acquire heartbeat release reaper control admin)", "functions=(acquire heartbeat release reaper control)", "deploy.sh is not about the six"},
		{"deliver is forgotten", "scripts/release/rollback.sh", "functions+=(deliver)", "functions+=()", "rollback.sh forgets deliver"},
		{"nobody says whether there is deliver", "cloudbuild.yaml", "    - DELIVER=$_DELIVER\n", "", "_DELIVER is not used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := readBuildFiles(t)
			broken := strings.Replace(files.text[tt.file], tt.old, tt.replacement, 1)
			if broken == files.text[tt.file] {
				t.Fatalf("%s has no %q to break", tt.file, tt.old)
			}
			files.text[tt.file] = broken
			if got := files.faults(); !slices.ContainsFunc(got, func(fault string) bool { return strings.Contains(fault, tt.want) }) {
				t.Errorf("faults %q, want one about %q", got, tt.want)
			}
		})
	}
}

// TestServices: the step service starts on Cloud Build's network, under the name
// that check-image.sh uses.
func TestServices(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deploytest.Program(t, filepath.Join(dir, "docker"), "#!/bin/sh\necho \"$*\" >>"+dir+"/calls\n")
	cmd := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/release/services.sh"))
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "VALKEY_IMAGE=valkey:1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	calls := deploytest.Lines(t, filepath.Join(dir, "calls"))
	check := deploytest.Text(t, "scripts/release/check-image.sh")
	for i, service := range []struct{ name, address, image string }{{"redis", "redis:6379", "valkey:1"}} {
		want := "run --detach --network cloudbuild --name " + service.name + " " + service.image + " "
		if i >= len(calls) || !strings.HasPrefix(calls[i], want) {
			t.Errorf("docker was called %q, want %q", calls, want)
		}
		if !strings.Contains(check, "="+service.address+" ") {
			t.Errorf("check-image.sh does not use %s", service.address)
		}
	}
}

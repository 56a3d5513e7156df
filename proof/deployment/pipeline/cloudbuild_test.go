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
	for _, path := range []string{"cloudbuild.yaml", "Makefile", "Dockerfile", "project.toml", "go.mod", "terraform/build.tf"} {
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
	decoder := yaml.NewDecoder(strings.NewReader(f.text["cloudbuild.yaml"]))
	decoder.KnownFields(true)
	var b cloudBuild
	if err := decoder.Decode(&b); err != nil {
		return []string{err.Error()}
	}
	return slices.Concat(f.order(b), f.variables(b), f.paths(b), f.environment(b), f.pins(b), f.versions(), f.promises(b))
}

// order: ids are unique, every step waits for earlier ones by name (so nothing
// waits in a circle), and the deployment waits for everything.
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
		if step.ID != "deploy" && !before["deploy"][step.ID] {
			faults = append(faults, "the deployment does not wait for "+step.ID)
		}
	}
	return faults
}

// variables: those used are declared, those declared are used, and Terraform gives
// none that is not there. (Google would refuse them only in a build by hand.)
func (f buildFiles) variables(b cloudBuild) []string {
	var faults []string
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(f.text["cloudbuild.yaml"]), &document); err != nil {
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
			faults = append(faults, "terraform/build.tf gives "+m[1]+", which is not declared")
		}
	}
	return faults
}

// paths: what is named is there, scripts can be executed, make targets exist.
func (f buildFiles) paths(b cloudBuild) []string {
	var faults []string
	for _, path := range regexp.MustCompile(`\b(?:scripts|terraform|docs|internal|cmd|proof|client)/[\w./-]*\w`).FindAllString(f.text["cloudbuild.yaml"], -1) {
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

// pins: images are named by a version or a digest, so that a build does not change
// by itself, and what is deployed by its digest.
func (f buildFiles) pins(b cloudBuild) []string {
	var faults []string
	pinned := regexp.MustCompile(`^[^\s:@]+(?::[0-9]+)?(?:/[^\s:@]+)*(?::v?[\w.-]*[0-9][\w.-]*|@sha256:[0-9a-f]{64})$`)
	for _, step := range b.Steps {
		images := []string{step.Name}
		for _, argument := range slices.Concat(step.Args, step.Env) {
			if name, image, found := strings.Cut(argument, "="); found && (name == "--builder" || strings.HasSuffix(name, "_IMAGE")) {
				images = append(images, image)
			}
		}
		for _, image := range images {
			if !pinned.MatchString(image) {
				faults = append(faults, "step "+step.ID+": image "+image+" has no version")
			}
		}
		line := strings.Join(step.Args, " ")
		if step.ID == "deploy" && (!strings.Contains(line, "image.digest") || strings.Contains(line, "_IMAGE")) {
			faults = append(faults, "what is deployed is not the digest that was published: "+line)
		}
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
	find("cloudbuild.yaml", `name: golang:(\S+)`)
	for _, m := range regexp.MustCompile(`golang:(\S+)`).FindAllStringSubmatch(f.text["cloudbuild.yaml"], -1) {
		if m[1] != image {
			faults = append(faults, "cloudbuild.yaml builds with golang:"+m[1]+", the Dockerfile with golang:"+image)
		}
	}
	if !strings.HasPrefix(image, minor+".") {
		faults = append(faults, "go.mod wants Go "+minor+", the Dockerfile has golang:"+image)
	}
	if got := find("project.toml", `"GOOGLE_GO_VERSION"\s+value = "([^"]*)"`); !strings.HasPrefix(got, minor+".") {
		faults = append(faults, "go.mod wants Go "+minor+", project.toml "+got)
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
	demand(b.Options.Logging == "CLOUD_LOGGING_ONLY", "logs need a bucket that is not there")
	demand(b.Options.DynamicSubstitutions, "a build by hand would not put _IMAGE together")
	demand(b.ServiceAccount != "", "the build has no account of its own")
	demand(b.Timeout != "", "the build has no timeout")
	built := ""
	for _, step := range b.Steps {
		if step.ID == "image" && len(step.Args) > 1 {
			built = step.Args[1]
		}
	}
	demand(slices.Equal(b.Images, []string{built}), fmt.Sprintf("images: lists %q, built is %q", b.Images, built))
	for _, script := range []string{"deploy.sh", "rollback.sh"} {
		demand(strings.Contains(f.text["scripts/release/"+script], "functions=(acquire heartbeat release reaper)\n"),
			script+" is not about the four functions")
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
		{"unordered", "cloudbuild.yaml", "    waitFor: [publish]\n", "", "does not say what it waits for"},
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
		{"latest", "cloudbuild.yaml", "anchore/syft:v1.51.0", "anchore/syft:latest", "anchore/syft:latest has no version"},
		{"no tag", "cloudbuild.yaml", "buildpacksio/pack:0.39.1", "buildpacksio/pack", "buildpacksio/pack has no version"},
		{"the builder", "cloudbuild.yaml", "builder:google-24", "builder", "gcr.io/buildpacks/builder has no version"},
		{"a step service", "cloudbuild.yaml", "valkey/valkey:8.0", "valkey/valkey:alpine", "valkey/valkey:alpine has no version"},
		{"a tag is deployed", "cloudbuild.yaml", `"$$(cat image.digest)"`, "$_IMAGE:$BUILD_ID", "not the digest"},
		{"another Go", "Dockerfile", "golang:1.26.8", "golang:1.26.9", "cloudbuild.yaml builds with"},
		{"an older Go", "go.mod", "\ngo 1.26", "\ngo 1.27", "go.mod wants Go 1.27, project.toml"},
		{"another Go for buildpacks", "project.toml", `"1.26.x"`, `"1.25.x"`, "project.toml 1.25.x"},
		{"no provenance", "cloudbuild.yaml", "  requestedVerifyOption: VERIFIED\n", "", "no provenance"},
		{"nothing to prove", "cloudbuild.yaml", "images:\n  - $_IMAGE:$BUILD_ID\n", "images:\n  - $_IMAGE:other\n", "images: lists"},
		{"logs elsewhere", "cloudbuild.yaml", "CLOUD_LOGGING_ONLY", "LEGACY", "logs need a bucket"},
		{"a function is forgotten", "scripts/release/deploy.sh", "functions=(acquire heartbeat release reaper)", "functions=(acquire heartbeat release)", "deploy.sh is not about the four"},
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

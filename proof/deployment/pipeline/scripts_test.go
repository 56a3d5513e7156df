package pipeline

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// TestScriptsAreClean: shellcheck finds nothing in any script.
func TestScriptsAreClean(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("shellcheck is not installed, and CI runs every test")
		}
		t.Skip("shellcheck is not installed: run scripts/install-test-tools.sh")
	}
	scripts := []string{deploytest.Path(t, ".ci/run"), deploytest.Path(t, "proof/model/check.sh")}
	for _, pattern := range []string{"scripts/*.sh", "scripts/release/*.sh"} {
		found, err := filepath.Glob(deploytest.Path(t, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %q, %v", pattern, found, err)
		}
		scripts = append(scripts, found...)
	}
	if out, err := exec.CommandContext(t.Context(), shellcheck, scripts...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnpinnedImagesAreKnown: the script finds the images without a digest, and
// those are the ones that the page for operators names.
func TestUnpinnedImagesAreKnown(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/pin-images.sh"), "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out)); !slices.Equal(got, byTag) {
		t.Errorf("without a digest are %q, known are %q", got, byTag)
	}
	page := deploytest.Text(t, "docs/security.md")
	for _, image := range byTag {
		if !strings.Contains(page, "`"+image+"`") {
			t.Errorf("docs/security.md does not say that %s is named by its tag", image)
		}
	}
}

// TestPinImages asks a registry that wants a token, and writes what it says.
func TestPinImages(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0a", 32)
	var registry *httptest.Server
	registry = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token" && r.URL.Query().Get("service") == "images" && r.URL.Query().Get("scope") == "repository:a/tool:pull":
			_, _ = io.WriteString(w, `{"token":"anybody"}`)
		case r.Method != http.MethodHead || r.URL.Path != "/v2/a/tool/manifests/1.2.3":
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("Authorization") != "Bearer anybody":
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+registry.URL+`/token",service="images",scope="repository:a/tool:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
		case !strings.Contains(r.Header.Get("Accept"), "application/vnd.oci.image.index.v1+json"):
			w.WriteHeader(http.StatusNotAcceptable)
		default:
			w.Header().Set("Docker-Content-Digest", digest)
		}
	}))
	defer registry.Close()
	image := strings.TrimPrefix(registry.URL, "http://") + "/a/tool:1.2.3"
	file := filepath.Join(t.TempDir(), "build.yaml")
	pin := func(text string) (string, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/pin-images.sh"), file)
		cmd.Env = append(os.Environ(), "REGISTRY_SCHEME=http")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return string(out), err
		}
		written, err := os.ReadFile(file)
		return string(written), err
	}
	before := "  name: " + image + "\n  - --builder=" + image + "\n  - X_IMAGE=" + image + "-slim@" + digest + "\nFROM " + image + " AS x\n"
	want := strings.ReplaceAll(before, image+"\n", image+"@"+digest+"\n")
	want = strings.ReplaceAll(want, image+" AS", image+"@"+digest+" AS")
	got, err := pin(before)
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if again, err := pin(want); err != nil || again != want {
		t.Errorf("the second time: %v\n%s", err, again)
	}
	if out, err := pin("name: " + strings.Replace(image, "1.2.3", "9.9.9", 1) + "\n"); err == nil || !strings.Contains(out, "no such image") {
		t.Errorf("an image that is not there: %v\n%s", err, out)
	}
}

// TestEveryImageIsPinned runs the script on what builds are made of, with a registry for
// each image that has no digest yet: afterwards every one has, wherever it is named.
func TestEveryImageIsPinned(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"cloudbuild.yaml", "scripts/release/deploy.yaml", "Dockerfile", "scripts/pin-images.sh"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		deploytest.Program(t, filepath.Join(root, name), deploytest.Text(t, name))
	}
	// Every registry at once, and the only one that the script reaches.
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	deploytest.Program(t, filepath.Join(root, "bin", "curl"), `#!/usr/bin/env bash
while [ $# -gt 1 ]; do
	case $1 in --output) output=$2 ;; esac
	shift
done
printf '%s\n' "$1" >>"$CALLS"
printf 'docker-content-digest: sha256:%s\r\n' "$(printf %s "$1" | sha256sum | cut -c1-64)" >"$output"
`)
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "pin-images.sh"))
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(root, "bin")+":"+os.Getenv("PATH"), "CALLS="+filepath.Join(root, "calls"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{
		"https://gcr.io/v2/buildpacks/builder/manifests/google-24",
		"https://gcr.io/v2/google.com/cloudsdktool/google-cloud-cli/manifests/528.0.0-slim",
		"https://registry-1.docker.io/v2/buildpacksio/pack/manifests/0.39.1",
	}
	asked := deploytest.Lines(t, filepath.Join(root, "calls"))
	slices.Sort(asked)
	if !slices.Equal(asked, want) {
		t.Errorf("it asks %q, want %q", asked, want)
	}
	for _, name := range []string{"cloudbuild.yaml", "scripts/release/deploy.yaml"} {
		before := deploytest.Text(t, name)
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, image := range byTag {
			named := regexp.MustCompile(`(?m)(?:name: |--builder=)` + regexp.QuoteMeta(image) + `(?:$|@sha256:[0-9a-f]{64}$)`)
			pinned := regexp.MustCompile(`(?m)(?:name: |--builder=)` + regexp.QuoteMeta(image) + `@sha256:[0-9a-f]{64}$`)
			if a, b := len(named.FindAllString(before, -1)), len(pinned.FindAllString(string(text), -1)); a != b {
				t.Errorf("%s names %s %d times, and %d times with a digest", name, image, a, b)
			}
		}
	}
	// Why each of them: whoever takes another version knows what hangs on it.
	comment, _, _ := strings.Cut(deploytest.Text(t, "cloudbuild.yaml"), "\nsubstitutions:")
	for _, image := range []string{"golang", "syft", "valkey", "google-cloud-cli", "pack", "builder"} {
		if !regexp.MustCompile(`(?m)^#   ` + image + ` {2,}\S`).MatchString(comment) {
			t.Errorf("cloudbuild.yaml does not say why this version of %s", image)
		}
	}
}

// TestNobodyKnowsTheProvider: without a registry and without the checker, the check
// of terraform/ says what to do, and does not pass.
func TestNobodyKnowsTheProvider(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/check-terraform.sh"))
	cmd.Env = append(os.Environ(), "TFCHECK="+t.TempDir(), "TF_REGISTRY=http://127.0.0.1:1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nobody here knows the provider") || !strings.Contains(string(out), "TFCHECK=") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestLockFile: the provider's version is written down, one that the module allows,
// and what is written as a checksum has the form of one.
func TestLockFile(t *testing.T) {
	t.Parallel()
	lock := deploytest.Text(t, "terraform/.terraform.lock.hcl")
	_, entry, found := strings.Cut(lock, `provider "registry.opentofu.org/hashicorp/google" {`)
	version := regexp.MustCompile(`version += "([0-9.]+)"`).FindStringSubmatch(entry)
	constraint := regexp.MustCompile(`version = "~> (\d+)\.(\d+)"`).FindStringSubmatch(deploytest.Text(t, "terraform/versions.tf"))
	if !found || version == nil || constraint == nil || !strings.Contains(entry, `constraints = "~> `+constraint[1]+"."+constraint[2]+`"`) {
		t.Fatalf("the lock file does not name the provider as terraform/versions.tf does:\n%s", lock)
	}
	if !strings.HasPrefix(version[1], constraint[1]+".") {
		t.Errorf("version %s is not allowed by ~> %s.%s", version[1], constraint[1], constraint[2])
	}
	for _, sum := range regexp.MustCompile(`(?m)^ +"([^"]+)",$`).FindAllStringSubmatch(lock, -1) {
		if !regexp.MustCompile(`^(?:h1:[A-Za-z0-9+/]{43}=|zh:[0-9a-f]{64})$`).MatchString(sum[1]) {
			t.Errorf("%q is no checksum", sum[1])
		}
	}
}

package deployment_test

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/config"
)

// dockerfileStep is one instruction of a Dockerfile.
type dockerfileStep struct{ instruction, arguments string }

// parseDockerfile knows comments and continued lines, which is all ours has.
func parseDockerfile(text string) []dockerfileStep {
	var steps []dockerfileStep
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		instruction, arguments, _ := strings.Cut(line, " ")
		steps = append(steps, dockerfileStep{strings.ToUpper(instruction), strings.TrimSpace(arguments)})
	}
	return steps
}

// arguments are those of all steps with that instruction.
func dockerfileArguments(steps []dockerfileStep, instruction string) []string {
	var all []string
	for _, s := range steps {
		if s.instruction == instruction {
			all = append(all, s.arguments)
		}
	}
	return all
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	steps := parseDockerfile(shippingText(t, "Dockerfile"))
	last := slices.IndexFunc(steps, func(s dockerfileStep) bool {
		return s.instruction == "FROM" && !strings.Contains(s.arguments, " AS ")
	})
	if last < 0 {
		t.Fatal("no final stage")
	}
	final := steps[last:]
	for instruction, want := range map[string]string{
		"FROM":       `^gcr\.io/distroless/static-debian12:nonroot(@sha256:[0-9a-f]{64})?$`,
		"COPY":       `^--from=build /function /function$`,
		"EXPOSE":     `^8080$`,
		"USER":       `^nonroot:nonroot$`,
		"ENTRYPOINT": `^\["/function"\]$`,
		"LABEL":      `org\.opencontainers\.image\.source=.*org\.opencontainers\.image\.licenses="Apache-2\.0"`,
	} {
		got := dockerfileArguments(final, instruction)
		if len(got) != 1 || !regexp.MustCompile(want).MatchString(got[0]) {
			t.Errorf("%s in the final stage: %q, want one that matches %s", instruction, got, want)
		}
	}
	// A static image has no shell to run anything.
	if got := dockerfileArguments(final, "RUN"); len(got) > 0 {
		t.Errorf("RUN in the final stage: %q", got)
	}
}

// TestDockerfileBuilds does without Docker what `docker build` would: what
// .dockerignore lets through is copied, the Dockerfile's own build command is run
// there, and the program it makes is started as each function.
func TestDockerfileBuilds(t *testing.T) {
	t.Parallel()
	context := dockerContext(t)
	for _, path := range []string{".git", "Makefile", "Dockerfile", "functions/flow_test.go", "cmd/local/main.go", "docs/architecture.md", "terraform/edge.tf"} {
		if _, err := os.Stat(filepath.Join(context, path)); err == nil {
			t.Errorf("%s is sent to the build", path)
		}
	}
	program := dockerBuild(t, context)
	checkStatic(t, program)

	t.Run("without a configuration", func(t *testing.T) {
		t.Parallel()
		for _, target := range []string{"Acquire", "Heartbeat", "Release", "Reaper"} {
			cmd := exec.CommandContext(t.Context(), program)
			cmd.Env = []string{"FUNCTION_TARGET=" + target, "REDIS_ADDR=nowhere"}
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 1 {
				t.Errorf("%s: exit code %d, %v, want 1", target, code, err)
			}
			for _, fault := range []string{"GOOGLE_CLOUD_PROJECT", "REDIS_ADDR"} {
				if !bytes.Contains(out, []byte(fault)) {
					t.Errorf("%s does not speak of %s:\n%s", target, fault, out)
				}
			}
		}
	})
	t.Run("check-image.sh", func(t *testing.T) {
		t.Parallel()
		checkImage(t, program)
	})
}

// dockerContext is a copy of what .dockerignore lets through.
func dockerContext(t *testing.T) string {
	t.Helper()
	patterns, err := ignorefile.ReadAll(strings.NewReader(shippingText(t, ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	err = filepath.WalkDir(shippingRoot, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(shippingRoot, path)
		if err != nil || name == "." {
			return err
		}
		if name == ".git" && entry.IsDir() {
			return filepath.SkipDir // only to save time: it is matched below
		}
		ignored, err := matcher.MatchesOrParentMatches(name)
		if err != nil || ignored || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if ignored, err := matcher.MatchesOrParentMatches(".git"); err != nil || !ignored {
		t.Errorf(".git is not ignored: %v", err)
	}
	return to
}

// dockerBuild runs the Dockerfile's `go build` in a copy of its context.
func dockerBuild(t *testing.T, dir string) string {
	t.Helper()
	var command string
	for _, run := range dockerfileArguments(parseDockerfile(shippingText(t, "Dockerfile")), "RUN") {
		if strings.Contains(run, "go build") {
			command = run
		}
	}
	program := filepath.Join(t.TempDir(), "function")
	if !strings.Contains(command, " -o /function ") {
		t.Fatalf("no `go build -o /function` in the Dockerfile: %q", command)
	}
	command = strings.Replace(command, " -o /function ", " -o "+program+" ", 1)
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", command)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return program
}

// checkStatic: the image has no loader and no libraries.
func checkStatic(t *testing.T, program string) {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Logf("not a Linux program, not looked at: %v", err)
		return
	}
	defer func() { _ = file.Close() }()
	libraries, err := file.ImportedLibraries()
	if err != nil || len(libraries) > 0 || file.Section(".interp") != nil {
		t.Errorf("the program is not static: %q, %v", libraries, err)
	}
}

// fakeDocker runs the program in place of a container. What is called redis:6379
// and firestore:8080 on Cloud Build's network is called by its real address, and
// http://image-…:8080 leads to the process (see curlConfiguration).
const fakeDocker = `#!/usr/bin/env bash
set -euo pipefail
echo "$*" >>"$STATE/calls"
case $1 in
run)
	shift
	name= environment=()
	while [ $# -gt 0 ]; do
		case $1 in
		--network) [ "$2" = cloudbuild ]; shift 2 ;;
		--name) name=$2; shift 2 ;;
		--env) environment+=("$2"); shift 2 ;;
		--detach | --rm) shift ;;
		*) break ;;
		esac
	done
	[ "$1" = built:1 ]
	environment=("${environment[@]/redis:6379/$REDIS}")
	environment=("${environment[@]/firestore:8080/$FIRESTORE}")
	environment+=("GOOGLE_APPLICATION_CREDENTIALS=$STATE/account.json" HTTPS_PROXY=http://127.0.0.1:1)
	[ -n "$name" ] || exec env -i "${environment[@]}" PORT=0 "$PROGRAM"
	port=$(cat "$STATE/$name.port")
	env -i "${environment[@]}" PORT="$port" "$PROGRAM" >"$STATE/$name.log" 2>&1 &
	echo $! >"$STATE/$name.pid"
	;;
logs) cat "$STATE/$2.log" ;;
*) exit 2 ;;
esac
`

// checkImage runs check-image.sh on a program that is run as the image would be.
func checkImage(t *testing.T, program string) {
	t.Helper()
	state, bin := t.TempDir(), t.TempDir()
	shippingProgram(t, filepath.Join(bin, "docker"), fakeDocker)
	// A client can be made of it; nobody is called with it.
	shippingProgram(t, filepath.Join(state, "account.json"), `{"type":"authorized_user","client_id":"x","client_secret":"x","refresh_token":"x"}`)
	var curl strings.Builder
	for _, f := range shippingFunctions {
		port := strconv.Itoa(servers.FreePort(t))
		if err := os.WriteFile(filepath.Join(state, "image-"+f+".port"), []byte(port), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&curl, "connect-to = \"image-%s:8080:127.0.0.1:%s\"\n", f, port)
	}
	if err := os.WriteFile(filepath.Join(bin, ".curlrc"), []byte(curl.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endProcesses(t, state) })
	redis, firestore := servers.Redis(t), servers.Firestore(t)
	run := func(program string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, shippingScript(t, "check-image.sh"), "built:1")
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "CURL_HOME="+bin, "STATE="+state,
			"PROGRAM="+program, "REDIS="+redis.Addr(), "FIRESTORE="+firestore)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(program); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// An image of another program.
	other := filepath.Join(bin, "other")
	shippingProgram(t, other, "#!/bin/sh\necho hello\n")
	if out, err := run(other); err == nil || !strings.Contains(out, "starts without a configuration") {
		t.Errorf("%v\n%s", err, out)
	}
}

// endProcesses ends what the fake docker started, each by its id.
func endProcesses(t *testing.T, state string) {
	t.Helper()
	for _, f := range shippingFunctions {
		for _, line := range shippingLines(t, filepath.Join(state, "image-"+f+".pid")) {
			pid, err := strconv.Atoi(line)
			if err != nil {
				t.Errorf("%s: %v", f, err)
				continue
			}
			if process, err := os.FindProcess(pid); err == nil {
				_ = process.Kill() // gone is what it should be
			}
		}
	}
}

// TestPublish: the image is pushed under a tag of its own, and its digest, not a
// tag, is what is handed on.
func TestPublish(t *testing.T) {
	t.Parallel()
	const name = "us-central1-docker.pkg.dev/acme/licenses/licenses"
	for _, tt := range []struct {
		name, digests, fail string
		noSBOM, works       bool
	}{
		{name: "good", digests: shippingImage, works: true},
		{name: "pulled from elsewhere too", digests: "example.com/other@sha256:" + shippingHex + `\n` + shippingImage, works: true},
		{name: "no bill of materials", digests: shippingImage, noSBOM: true},
		{name: "the push fails", digests: shippingImage, fail: "push"},
		{name: "the attachment fails", digests: shippingImage, fail: "artifacts"},
		{name: "no digest", digests: ""},
		{name: "two digests", digests: shippingImage + `\n` + shippingOldImage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, program := range []string{"docker", "gcloud"} {
				shippingProgram(t, filepath.Join(dir, program), fmt.Sprintf("#!/usr/bin/env bash\necho \"%s $*\" >>%s/calls\n"+
					"[ \"$1\" != %q ] || exit 1\n[ \"$1\" != inspect ] || printf '%s\\n'\n", program, dir, tt.fail, tt.digests))
			}
			sbom, digest := filepath.Join(dir, "sbom.json"), filepath.Join(dir, "image.digest")
			if !tt.noSBOM {
				shippingProgram(t, sbom, "{}")
			}
			cmd := exec.CommandContext(t.Context(), shippingScript(t, "publish.sh"), name+":b-1", sbom, digest)
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "PROJECT=acme", "REGION=us-central1", "REPOSITORY=licenses")
			out, err := cmd.CombinedOutput()
			if (err == nil) != tt.works {
				t.Fatalf("%v\n%s", err, out)
			}
			got := strings.Join(shippingLines(t, digest), "\n")
			if !tt.works {
				if got != "" {
					t.Errorf("it failed, and wrote %q", got)
				}
				return
			}
			if got != shippingImage {
				t.Errorf("the digest is %q", got)
			}
			want := []string{
				"docker tag " + name + ":b-1 " + name + ":b-1-release",
				"docker push " + name + ":b-1-release",
				"docker inspect --format {{range .RepoDigests}}{{println .}}{{end}} " + name + ":b-1",
				"gcloud artifacts attachments create sbom-b-1 --project=acme --location=us-central1 --repository=licenses --target=" +
					shippingImage + " --attachment-type=application/spdx+json --files=" + sbom + " --quiet",
			}
			if calls := shippingLines(t, filepath.Join(dir, "calls")); !slices.Equal(calls, want) {
				t.Errorf("calls\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// TestIgnoreLists: what is left out of an image's build is one list, written down
// in the words of three programs.
func TestIgnoreLists(t *testing.T) {
	t.Parallel()
	gcloud := ignorePatterns(shippingText(t, ".gcloudignore"))
	_, rest, _ := strings.Cut(shippingText(t, "project.toml"), "exclude = [\n")
	exclude, _, _ := strings.Cut(rest, "]")
	var pack []string
	for _, line := range ignorePatterns(exclude) {
		pattern, err := strconv.Unquote(strings.TrimSuffix(strings.TrimSpace(line), ","))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		pack = append(pack, pattern)
	}
	if !slices.Equal(pack, gcloud) {
		t.Errorf("project.toml excludes\n%q\n.gcloudignore\n%q", pack, gcloud)
	}
	var docker []string
	for _, pattern := range gcloud {
		docker = append(docker, inDockersWords(pattern))
	}
	docker = append(docker, "!cmd/function") // the program; buildpacks write their own
	if got := ignorePatterns(shippingText(t, ".dockerignore")); !slices.Equal(got, docker) {
		t.Errorf(".dockerignore has\n%q\nwant\n%q", got, docker)
	}
	// What cloudbuild.yaml is uploaded with: the repository, less its history.
	if git := ignorePatterns(shippingText(t, ".gitignore")); !slices.Contains(git, ".git") {
		t.Error(".gitignore does not keep `gcloud builds submit` from uploading .git")
	}
}

func ignorePatterns(text string) []string {
	var patterns []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			patterns = append(patterns, line)
		}
	}
	return patterns
}

// inDockersWords: a gitignore pattern without a slash before its end matches in
// any folder, one of .dockerignore only at the root.
func inDockersWords(pattern string) string {
	pattern = strings.TrimSuffix(pattern, "/")
	switch {
	case strings.HasPrefix(pattern, "/"):
		return pattern[1:]
	case strings.Contains(pattern, "/"):
		return pattern
	}
	return "**/" + pattern
}

// TestContainersPage: what the page gives a container is a configuration that
// each of the functions it runs starts with.
func TestContainersPage(t *testing.T) {
	t.Parallel()
	page := shippingText(t, "docs/containers.md")
	_, rest, _ := strings.Cut(page, "<<'EOF'\n")
	file, _, found := strings.Cut(rest, "EOF\n")
	if !found {
		t.Fatal("no environment file on the page")
	}
	for _, target := range []string{"Acquire", "Heartbeat", "Release", "Reaper"} {
		if !regexp.MustCompile(`(?m)^docker run .*--env-file licenses\.env .*--env FUNCTION_TARGET=` + target + ` `).MatchString(page) {
			t.Errorf("the page does not run %s", target)
		}
		environment := map[string]string{"FUNCTION_TARGET": target}
		for _, line := range ignorePatterns(file) {
			name, value, _ := strings.Cut(line, "=")
			environment[name] = value
			if !regexp.MustCompile(`env:"` + name + `"`).MatchString(shippingText(t, "shared/config/config.go")) {
				t.Errorf("the program reads no %s", name)
			}
		}
		if _, err := config.Load(target, environment); err != nil {
			t.Error(err)
		}
	}
}

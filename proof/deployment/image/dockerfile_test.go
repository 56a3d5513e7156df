package image

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
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
	steps := parseDockerfile(deploytest.Text(t, "Dockerfile"))
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

// TestIgnoreLists: what is left out of an image's build is one list, written down
// in the words of three programs.
func TestIgnoreLists(t *testing.T) {
	t.Parallel()
	gcloud := deploytest.Entries(deploytest.Text(t, ".gcloudignore"))
	_, rest, _ := strings.Cut(deploytest.Text(t, "project.toml"), "exclude = [\n")
	exclude, _, _ := strings.Cut(rest, "]")
	var pack []string
	for _, line := range deploytest.Entries(exclude) {
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
	if got := deploytest.Entries(deploytest.Text(t, ".dockerignore")); !slices.Equal(got, docker) {
		t.Errorf(".dockerignore has\n%q\nwant\n%q", got, docker)
	}
	// What cloudbuild.yaml is uploaded with: the repository, less its history.
	if git := deploytest.Entries(deploytest.Text(t, ".gitignore")); !slices.Contains(git, ".git") {
		t.Error(".gitignore does not keep `gcloud builds submit` from uploading .git")
	}
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

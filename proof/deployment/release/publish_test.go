package release

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/proof/deployment/deploytest"
)

// TestPublish: the image is pushed under a tag of its own, and its digest, not a
// tag, is what is handed on.
func TestPublish(t *testing.T) {
	t.Parallel()
	const name = "us-central1-docker.pkg.dev/acme/licenses/licenses"
	for _, tt := range []struct {
		name, digests, fail string
		noSBOM, works       bool
	}{
		{name: "good", digests: newImage, works: true},
		{name: "pulled from elsewhere too", digests: "example.com/other@sha256:" + newDigest + `\n` + newImage, works: true},
		{name: "no bill of materials", digests: newImage, noSBOM: true},
		{name: "the push fails", digests: newImage, fail: "push"},
		{name: "the attachment fails", digests: newImage, fail: "artifacts"},
		{name: "no digest", digests: ""},
		{name: "two digests", digests: newImage + `\n` + oldImage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, program := range []string{"docker", "gcloud"} {
				deploytest.Program(t, filepath.Join(dir, program), fmt.Sprintf("#!/usr/bin/env bash\necho \"%s $*\" >>%s/calls\n"+
					"[ \"$1\" != %q ] || exit 1\n[ \"$1\" != inspect ] || printf '%s\\n'\n", program, dir, tt.fail, tt.digests))
			}
			sbom, digest := filepath.Join(dir, "sbom.json"), filepath.Join(dir, "image.digest")
			if !tt.noSBOM {
				deploytest.Program(t, sbom, "{}")
			}
			cmd := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/release/publish.sh"), name+":b-1", sbom, digest)
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "PROJECT=acme", "REGION=us-central1", "REPOSITORY=licenses")
			out, err := cmd.CombinedOutput()
			if (err == nil) != tt.works {
				t.Fatalf("%v\n%s", err, out)
			}
			got := strings.Join(deploytest.Lines(t, digest), "\n")
			if !tt.works {
				if got != "" {
					t.Errorf("it failed, and wrote %q", got)
				}
				return
			}
			if got != newImage {
				t.Errorf("the digest is %q", got)
			}
			want := []string{
				"docker tag " + name + ":b-1 " + name + ":b-1-release",
				"docker push " + name + ":b-1-release",
				"docker inspect --format {{range .RepoDigests}}{{println .}}{{end}} " + name + ":b-1",
				"gcloud artifacts attachments create sbom-b-1 --project=acme --location=us-central1 --repository=licenses --target=" +
					newImage + " --attachment-type=application/spdx+json --files=" + sbom + " --quiet",
			}
			if calls := deploytest.Lines(t, filepath.Join(dir, "calls")); !slices.Equal(calls, want) {
				t.Errorf("calls\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

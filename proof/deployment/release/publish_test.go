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
		works               bool
	}{
		{name: "good", digests: newImage, works: true},
		{name: "pulled from elsewhere too", digests: "example.com/other@sha256:" + newDigest + `\n` + newImage, works: true},
		{name: "the push fails", digests: newImage, fail: "push"},
		{name: "no digest", digests: ""},
		{name: "two digests", digests: newImage + `\n` + oldImage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			deploytest.Program(t, filepath.Join(dir, "docker"), fmt.Sprintf("#!/usr/bin/env bash\necho \"docker $*\" >>%s/calls\n"+
				"[ \"$1\" != %q ] || exit 1\n[ \"$1\" != inspect ] || printf '%s\\n'\n", dir, tt.fail, tt.digests))
			digest := filepath.Join(dir, "image.digest")
			cmd := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/release/publish.sh"), name+":b-1", digest)
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
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
			}
			if calls := deploytest.Lines(t, filepath.Join(dir, "calls")); !slices.Equal(calls, want) {
				t.Errorf("calls\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// TestAttachSBOM: the bill of materials is attached to the digest, by a script that
// no release waits for.
func TestAttachSBOM(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deploytest.Program(t, filepath.Join(dir, "gcloud"), "#!/bin/sh\necho \"$*\" >>"+dir+"/calls\n")
	sbom, empty := filepath.Join(dir, "sbom.json"), filepath.Join(dir, "empty.json")
	deploytest.Program(t, sbom, "{}")
	deploytest.Program(t, empty, "")
	attach := func(image, file string) error {
		cmd := exec.CommandContext(t.Context(), deploytest.Path(t, "scripts/release/attach-sbom.sh"), image, file)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "PROJECT=acme", "REGION=us-central1", "REPOSITORY=licenses")
		return cmd.Run()
	}
	if err := attach(newImage, sbom); err != nil {
		t.Error(err)
	}
	want := []string{"artifacts attachments create sbom-0123456789ab --project=acme --location=us-central1 --repository=licenses --target=" +
		newImage + " --attachment-type=application/spdx+json --files=" + sbom + " --quiet"}
	if calls := deploytest.Lines(t, filepath.Join(dir, "calls")); !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
	if attach(newImage, empty) == nil || attach("licenses:latest", sbom) == nil {
		t.Error("an empty list, or a tag, is attached")
	}
}

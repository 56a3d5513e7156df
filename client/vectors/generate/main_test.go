package main

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

// TestTheFilesAreWhatTheCommandWrites, byte by byte, and no other.
func TestTheFilesAreWhatTheCommandWrites(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("vectors/%s is out of date: go -C client run ./vectors/generate", name)
		}
	}
	there, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range there {
		if _, made := files[entry.Name()]; !made && entry.Name() != "README.md" && !entry.IsDir() {
			t.Errorf("vectors/%s is nobody's", entry.Name())
		}
	}
}

// TestEveryCaseHasANameAndAKeySet of its own document, and they are many.
func TestEveryCaseHasANameAndAKeySet(t *testing.T) {
	for _, d := range []document{published(), pinned()} {
		names := map[string]bool{}
		reasons := []string{}
		for _, c := range d.Cases {
			if names[c.Name] || c.Name == "" {
				t.Errorf("the name %q is not one case's", c.Name)
			}
			names[c.Name] = true
			if d.KeySets[c.KeySet] == nil {
				t.Errorf("%s: there is no key set %q", c.Name, c.KeySet)
			}
			if c.Roots != "" && d.Roots[c.Roots] == "" {
				t.Errorf("%s: there are no roots %q", c.Name, c.Roots)
			}
			reasons = append(reasons, c.Reason)
		}
		slices.Sort(reasons)
		if got := slices.Compact(reasons); len(got) != 5 || len(names) < 60 {
			t.Errorf("%d cases with the reasons %q, want at least 60 with every reason", len(names), got)
		}
	}
}

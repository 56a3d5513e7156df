// Command generate writes the test vectors of license tokens, for programs and
// SDKs in every language: run it in the folder client as
//
//	go run ./vectors/generate
//
// It derives every key from its name and signs deterministically (RFC 6979), so that
// each run writes the same bytes, and a change of a rule shows in the difference.
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
)

// What all cases are about, unless they say otherwise.
const (
	issuer  = "https://licenses.example.com"
	product = "studio"

	granted = 1795428000 // 2026-11-23 10:00:00 UTC
	life    = 600
	now     = granted + 60
	begins  = granted - 2*3600
	ends    = begins + 12*3600
)

// Why a token is refused; see the README beside the vectors.
const (
	expired     = "expired"
	notYetValid = "not_yet_valid"
	unknownKey  = "unknown_key"
	invalid     = "invalid"
)

// document is one file of vectors.
type document struct {
	Description string            `json:"description"`
	KeySets     map[string]object `json:"key_sets"`
	Roots       map[string]string `json:"roots,omitempty"`
	Cases       []vector          `json:"cases"`
}

// vector is one question and its answer. Key set and roots are names in the document.
type vector struct {
	Name       string `json:"name"`
	KeySet     string `json:"key_set"`
	Roots      string `json:"roots,omitempty"`
	Now        int64  `json:"now"`
	Leeway     int64  `json:"leeway"`
	Issuer     string `json:"issuer"`
	Audience   string `json:"audience"`
	Token      string `json:"token"`
	Verdict    string `json:"verdict"`
	Reason     string `json:"reason,omitempty"`
	AnyLibrary bool   `json:"any_library,omitempty"`
	Claims     object `json:"claims,omitempty"`
}

func main() {
	files, err := generate()
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join("vectors", name), content, 0o600); err != nil {
			log.Fatal(err)
		}
	}
}

// generate is the content of each file.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, d := range map[string]document{"jwks.json": published(), "pinned.json": pinned()} {
		for i := range d.Cases {
			d.Cases[i].complete()
		}
		var content bytes.Buffer
		e := json.NewEncoder(&content)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(d); err != nil {
			return nil, err
		}
		files[name] = content.Bytes()
	}
	return files, nil
}

// complete fills in what a case did not say.
func (v *vector) complete() {
	if v.Now == 0 {
		v.Now = now
	}
	if v.Issuer == "" {
		v.Issuer, v.Audience = issuer, product
	}
	v.Verdict = "refused"
	if v.Reason == "" {
		v.Verdict, v.Claims = "valid", payloadOf(v.Token)
	}
}

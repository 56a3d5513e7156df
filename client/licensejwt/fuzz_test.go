package licensejwt_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

// FuzzKeySetFromAnywhere: no key set makes a token genuine whose key no root has
// certified, and none ends the program.
func FuzzKeySetFromAnywhere(f *testing.F) {
	raw, err := os.ReadFile("../vectors/pinned.json")
	if err != nil {
		f.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		f.Fatal(err)
	}
	for _, set := range v.KeySets {
		f.Add([]byte(set))
	}
	roots, err := licensejwt.ParseRoots([]byte(v.Roots["vendor"]))
	if err != nil {
		f.Fatal(err)
	}
	var forged []vector
	for _, c := range v.Cases {
		if c.Name == "the forged delegation beside a genuine one" || c.Name == "a root of a stranger under our root's kid" {
			forged = append(forged, c)
		}
	}
	if len(forged) != 2 {
		f.Fatalf("%d forged tokens, want 2", len(forged))
	}
	f.Fuzz(func(t *testing.T, set []byte) {
		keys, err := licensejwt.ParseKeySet(set)
		if err != nil {
			return
		}
		for _, c := range forged {
			if _, err := roots.Verify(c.Token, keys, time.Unix(c.Now, 0), 0, c.Issuer, c.Audience); err == nil {
				t.Errorf("%s: it verifies", c.Name)
			}
		}
	})
}

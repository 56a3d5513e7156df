package licensejwt_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/coditect-ai/coditect-licenses/client/licensejwt"
)

// vectors is a file of client/vectors, as a program in another language reads it.
type vectors struct {
	KeySets map[string]json.RawMessage `json:"key_sets"`
	Roots   map[string]string          `json:"roots"`
	Cases   []vector                   `json:"cases"`
}

type vector struct {
	Name, Roots, Issuer, Audience, Token, Verdict, Reason string
	KeySet                                                string `json:"key_set"`
	Now, Leeway                                           int64
	Claims                                                json.RawMessage
}

func readVectors(t *testing.T, name string) vectors {
	t.Helper()
	raw, err := os.ReadFile("../vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// parsed are a case's key set and roots, none of them where it names none.
func (v vectors) parsed(t *testing.T, c vector) (keys jose.JSONWebKeySet, roots licensejwt.Roots) {
	t.Helper()
	keys, err := licensejwt.ParseKeySet(v.KeySets[c.KeySet])
	if err != nil {
		t.Fatal(err)
	}
	if c.Roots != "" {
		if roots, err = licensejwt.ParseRoots([]byte(v.Roots[c.Roots])); err != nil {
			t.Fatal(err)
		}
	}
	return keys, roots
}

// answer is what this package says to a case.
func (v vectors) answer(t *testing.T, c vector) (licensejwt.Claims, error) {
	t.Helper()
	keys, roots := v.parsed(t, c)
	verify := licensejwt.Verify
	if c.Roots != "" {
		verify = roots.Verify
	}
	return verify(c.Token, keys, time.Unix(c.Now, 0), time.Duration(c.Leeway)*time.Second, c.Issuer, c.Audience)
}

// reasons are the names that the vectors have for errors.
var reasons = map[string]error{
	"": nil, "expired": licensejwt.ErrExpired, "not_yet_valid": licensejwt.ErrNotYetValid,
	"unknown_key": licensejwt.ErrUnknownKey, "invalid": licensejwt.ErrInvalid,
}

// TestEveryVectorAnswersItsVerdict: what other languages' SDKs are tested with is
// what this package does.
func TestEveryVectorAnswersItsVerdict(t *testing.T) {
	for _, file := range []string{"jwks.json", "pinned.json"} {
		v := readVectors(t, file)
		for _, c := range v.Cases {
			t.Run(file+"/"+c.Name, func(t *testing.T) { v.check(t, c) })
		}
	}
}

func (v vectors) check(t *testing.T, c vector) {
	t.Helper()
	want, known := reasons[c.Reason]
	if !known || (c.Verdict == "valid") != (want == nil) {
		t.Fatalf("verdict %q for reason %q", c.Verdict, c.Reason)
	}
	got, err := v.answer(t, c)
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Fatalf("got %v, want %v", err, want)
	}
	if err != nil {
		if got.Subject != "" || got.Entitlements != nil {
			t.Error("claims of a refused token were returned")
		}
		return
	}
	var claims licensejwt.Claims
	if err := json.Unmarshal(c.Claims, &claims); err != nil {
		t.Fatal(err)
	}
	gotJSON, _ := json.Marshal(got)
	wantJSON, _ := json.Marshal(claims)
	if !bytes.Equal(gotJSON, wantJSON) {
		t.Errorf("got %s, want %s", gotJSON, wantJSON)
	}
}

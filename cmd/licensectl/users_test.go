package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// signIn ADDRESS MACHINE signs a user in that was invited, and takes a seat with the
// token; refused: the sign-in must be.
func signIn(ctx context.Context, ts *testscript.TestScript, refused bool, base, email, machine string) {
	var token struct {
		ID string `json:"id_token"`
	}
	err := post(ctx, base+"/dev/token", "", fmt.Sprintf(`{"email":%q}`, email), &token)
	switch {
	case refused && err == nil:
		ts.Fatalf("%s can sign in", email)
	case !refused:
		ts.Check(err)
		_, _, err = acquire(ctx, base, token.ID, machine)
		ts.Check(err)
	}
}

// machineIn FILE MACHINE takes a seat with the refresh token in the file; refused: it must be
// good no more.
func machineIn(ctx context.Context, ts *testscript.TestScript, refused bool, base, file, machine string) {
	info, err := os.Stat(ts.MkAbs(file))
	ts.Check(err)
	if info.Mode().Perm() != 0o600 {
		ts.Fatalf("%s may be read by others: %s", file, info.Mode())
	}
	var token struct {
		ID string `json:"id_token"`
	}
	err = post(ctx, base+"/dev/token", "", fmt.Sprintf(`{"refresh_token":%q}`, strings.TrimSpace(ts.ReadFile(file))), &token)
	switch {
	case refused && err == nil:
		ts.Fatalf("the token in %s is good", file)
	case !refused:
		ts.Check(err)
		_, _, err = acquire(ctx, base, token.ID, machine)
		ts.Check(err)
	}
}

func TestReadUsers(t *testing.T) {
	for text, want := range map[string][]api.UserInput{
		"email\n":                                nil,
		"# users\nemail\n# Ann\nann@x.example\n": {{Email: "ann@x.example"}},
		"\ufeffemail,name\nann@x.example,Ann\n":  {{Email: "ann@x.example", Name: "Ann"}},
		"groups,email,role\n cad; night shift ;,bob@x.example, admin\n,eve@x.example,\n": {
			{Email: "bob@x.example", Role: "admin", Groups: api.List{"cad", "night shift"}}, {Email: "eve@x.example"},
		},
		"email,name\nann@x.example,\"Archer, Ann\"\n": {{Email: "ann@x.example", Name: "Archer, Ann"}},
	} {
		got, err := readUsers(strings.NewReader(text))
		if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestFilesOfUsersThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "names the columns",
		"name\nann\n":                "no column is named email",
		"email,roles\n":              `"roles"`,
		"email,email\n":              `"email"`,
		"email,name\nann@x.example":  "wrong number of fields",
		"email\n\"ann@x.example\n\n": "quote",
	} {
		if _, err := readUsers(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestAnImportIsNamedByItsLines: the same line is the same invitation, another is
// another.
func TestAnImportIsNamedByItsLines(t *testing.T) {
	acme := userImport{Organization: "acme"}
	line := api.UserInput{Email: "ann@x.example", Groups: api.List{"a", "b"}}
	keys := []string{acme.key(line), userImport{Organization: "globex"}.key(line)}
	for _, change := range []func(*api.UserInput){
		func(in *api.UserInput) { in.Name = "Ann" }, func(in *api.UserInput) { in.Role = "admin" },
		func(in *api.UserInput) { in.Email = "bob@x.example" }, func(in *api.UserInput) { in.Groups = api.List{"a b"} },
	} {
		other := line
		change(&other)
		keys = append(keys, acme.key(other))
	}
	if acme.key(line) != keys[0] || len(slices.Compact(slices.Sorted(slices.Values(keys)))) != len(keys) {
		t.Errorf("%q", keys)
	}
}

package ledger

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// CallsOf tells of every call that r makes from now on: the script, its keys'
// number and its arguments' names.
func CallsOf(r *Redis, heard func(script string, keys int, names []string)) {
	r.called = func(c call) {
		names := make([]string, len(c.args))
		for i, a := range c.args {
			names[i] = a.name
		}
		heard(c.script, len(c.keys), names)
	}
}

var headLine = regexp.MustCompile(`(?m)^-- (KEYS|ARGV)  (.*)$`)

// heads are those that were read, by their script: the contract asks with every call.
var heads sync.Map

type head struct {
	keys           int
	once, repeated []string
}

// Head reads a script's head.
func Head(t *testing.T, script string) (keys int, once, repeated []string) {
	t.Helper()
	if known, ok := heads.Load(script); ok {
		h := known.(head)
		return h.keys, h.once, h.repeated
	}
	h := map[string]string{}
	for _, m := range headLine.FindAllStringSubmatch(sourceOf(script), -1) {
		h[m[1]], _, _ = strings.Cut(m[2], "  ") // remarks stand after two blanks
	}
	if h["KEYS"] == "" || h["ARGV"] == "" {
		t.Fatalf("%s.lua does not say what its keys and arguments are", script)
	}
	first, rest, _ := strings.Cut(h["ARGV"], "|")
	rest = strings.TrimSuffix(strings.TrimSpace(rest), "…")
	read := head{len(strings.Fields(h["KEYS"])), strings.Fields(first), strings.Fields(rest)}
	heads.Store(script, read)
	return read.keys, read.once, read.repeated
}

// TestEachOperationIsOneGoAndOneLuaFile: a reader who looks for a script's
// arguments finds them beside it, and the file is no longer than it must be.
func TestEachOperationIsOneGoAndOneLuaFile(t *testing.T) {
	found, err := filepath.Glob("*.lua")
	if err != nil {
		t.Fatal(err)
	}
	var operations []string
	for _, path := range found {
		if name := strings.TrimSuffix(path, ".lua"); !slices.Contains([]string{"prelude", "session", "organization", "members", "meters"}, name) {
			operations = append(operations, name)
		}
	}
	if all := loadScripts(sourceOf); len(operations) != len(all) {
		t.Errorf("%d scripts are loaded, there are %d", len(all), len(operations))
	}
	for _, name := range operations {
		source, err := os.ReadFile(name + ".go")
		if err != nil {
			t.Error(err)
		}
		if !strings.Contains(string(source), `script: "`+name+`"`) {
			t.Errorf("%s.go does not call %s.lua", name, name)
		}
	}
}

// TestScriptsNameTheirArgumentsInOrder: where a script takes its arguments apart
// at once, it does so under the names and in the order of its head.
func TestScriptsNameTheirArgumentsInOrder(t *testing.T) {
	apart := regexp.MustCompile(`(?m)^local ([a-z_, ]+) = unpack\(ARGV, (\d+)(?:, (\d+))?\)$`)
	n := 0
	for name := range loadScripts(sourceOf) {
		m := apart.FindStringSubmatch(sourceOf(name))
		if m == nil {
			continue
		}
		n++
		_, once, _ := Head(t, name)
		names := strings.Split(m[1], ", ")
		if i := slices.Index(names, "n"); i >= 0 {
			names[i] = "nonce"
		}
		first, _ := strconv.Atoi(m[2])
		if !slices.Equal(names, once[first-1:]) || m[3] != "" && m[3] != strconv.Itoa(len(once)) {
			t.Errorf("%s takes apart %v, its head says %v", name, names, once)
		}
	}
	if n < 7 {
		t.Errorf("only %d scripts were read", n)
	}
}

// TestCodesAgree: the scripts' table of codes is the Go side's.
func TestCodesAgree(t *testing.T) {
	const want = "OK, REBUILD, NEWER, HELD, STALE, FULL, UNKNOWN, FOREIGN, EXPIRED, TOUCHED, LOST, CLOCK"
	if got := []code{
		codeOK, codeRebuild, codeNewer, codeHeld, codeStale, codeFull, codeUnknown, codeForeign, codeExpired, codeTouched, codeLost, codeClock,
	}; got[0] != 0 || int(got[len(got)-1]) != len(got)-1 || len(strings.Split(want, ", ")) != len(got) {
		t.Errorf("codes: %v", got)
	}
	if !strings.Contains(sourceOf("prelude"), "local "+want+" =\n  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n") {
		t.Errorf("prelude.lua does not number %s", want)
	}
}

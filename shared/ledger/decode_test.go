package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

const goodData = "1,2,3,0,,4,pro,ann\thw\t"

func TestDecodeRefusesWhatIsNoAnswer(t *testing.T) {
	for _, raw := range [][]any{nil, {}, {"0"}, {nil}, {[]any{int64(0)}}} {
		if _, err := decode(raw); err == nil {
			t.Errorf("%v passes as an answer", raw)
		}
	}
}

// TestMalformedAnswersAreFailures: a field that is missing or of another type
// must never pass for a zero.
func TestMalformedAnswersAreFailures(t *testing.T) {
	caller := license.Caller{OrganizationID: "acme", UserID: "ann"}
	numbers := func(n int) []any {
		out := make([]any, n)
		for i := range out {
			out[i] = int64(i)
		}
		return out
	}
	for name, err := range map[string]error{
		"reserved short":   func() error { r := reply{}; r.reserved(caller, Reservation{}); return r.err }(),
		"reserved numbers": func() error { r := reply{values: numbers(9)}; r.reserved(caller, Reservation{}); return r.err }(),
		"beaten data": func() error {
			r := reply{values: append(numbers(6), "1,2", int64(7))}
			r.beaten(caller, "s")
			return r.err
		}(),
		"full":         func() error { r := reply{code: codeFull}; _ = r.full(); return r.err }(),
		"unknown":      (&reply{code: codeUnknown}).sessionErr(caller, "s"),
		"expired":      (&reply{code: codeExpired, values: []any{"s", "1"}}).sessionErr(caller, "s"),
		"expired data": (&reply{code: codeExpired, values: []any{"s", "1", "broken"}}).sessionErr(caller, "s"),
		"gone":         (&reply{code: codeGone, values: []any{goodData}}).sessionErr(caller, "s"),
		"gone at x":    (&reply{code: codeGone, values: []any{"x;" + goodData}}).sessionErr(caller, "s"),
		"other code":   (&reply{code: codeHeld}).sessionErr(caller, "s"),
		"list":         func() error { r := reply{values: numbers(1)}; r.list(0); return r.err }(),
		"text":         func() error { r := reply{values: []any{"x"}}; r.int(0); return r.err }(),
		"rebuild":      lost(reply{code: codeHeld}, nil),
	} {
		var down *license.UnavailableError
		if !errors.As(err, &down) || down.Backend != "redis" {
			t.Errorf("%s: %v, want redis unavailable", name, err)
		}
	}
}

func TestParseHoldRefusesMalformedData(t *testing.T) {
	if _, err := parseHold(license.Caller{}, "s", goodData); err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{"", "1,2,3,0,,4,pro", "x,2,3,0,,4,pro,w", "1,x,3,0,,4,pro,w", "1,2,x,0,,4,pro,w", "1,2,3,0,,x,pro,w"} {
		if _, err := parseHold(license.Caller{}, "s", raw); err == nil {
			t.Errorf("%q passes as a session's data", raw)
		}
	}
}

func TestScoresAsRedisWritesThem(t *testing.T) {
	for text, want := range map[string]int64{"1795401195123": 1795401195123, "1.795401195123e+12": 1795401195123} {
		if got, ok := toInt(text); !ok || got != want {
			t.Errorf("toInt(%q) = %d, %t", text, got, ok)
		}
	}
}

func TestNoPersonalDataInErrors(t *testing.T) {
	_, err := parseHold(license.Caller{}, "s", "x,2,3,0,,4,pro,ann@example.com\tsecret-hardware\t")
	if err == nil || strings.Contains(err.Error(), "ann") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error = %v", err)
	}
}

func TestSessionIDsArePackedAndFound(t *testing.T) {
	for id, size := range map[string]int{
		"0199abcd-0000-7000-8000-000000000001": 16, "0199ABCD-0000-7000-8000-000000000001": 36,
		"{0199abcd-0000-7000-8000-000000000001}": 38, "0199abcd000070008000000000000001": 32, "s-1": 3, "": 0,
	} {
		raw := packID(id)
		if len(raw) != size || unpackID(raw) != id {
			t.Errorf("%q is kept as %q and read as %q", id, raw, unpackID(raw))
		}
	}
}

func TestKeysOfOneOrganizationShareASlot(t *testing.T) {
	k := keys{"seats"}
	for _, key := range []string{
		k.epoch("acme"), k.nonce("acme"), k.owed("acme"), k.dead("acme"), k.all("acme", "1.a"), k.data("acme", "1.a"),
		k.licenses("acme", "1.a"), k.license("acme", "1.a", "pro"), k.holders("acme", "1.a", "pro"),
	} {
		if !strings.HasPrefix(key, "seats:{acme}:") {
			t.Errorf("key %q", key)
		}
	}
	for generation, want := range map[string]int64{"7.abc": 7, "": 0, "x.y": 0} {
		if got := epochOf(generation); got != want {
			t.Errorf("epochOf(%q) = %d, want %d", generation, got, want)
		}
	}
	if g := generationOf(7, "run.repl:0123456789"); g != "7.01234567" {
		t.Errorf("generation = %q", g)
	}
}

func TestEqualHoldersHaveEqualDigestsAndNoOthers(t *testing.T) {
	seen := map[string]license.Holder{}
	for _, h := range []license.Holder{
		{UserID: "a", HardwareID: "b", InstanceID: "c"},
		{UserID: "a", HardwareID: "bc"},
		{UserID: "ab", HardwareID: "c"},
		{UserID: "a", InstanceID: "bc"},
		{UserID: "a\x00b", HardwareID: "c"},
		{UserID: "a", HardwareID: "b c"},
	} {
		d := digest(h)
		if other, taken := seen[d]; taken {
			t.Errorf("%+v and %+v share a digest", h, other)
		}
		seen[d] = h
		h.LicenseID = "pro" // stands in the key
		if digest(h) != d || len(d) != 22 {
			t.Errorf("digest of %+v = %q, want %q", h, digest(h), d)
		}
	}
}

func TestRebuiltTokensAreSpread(t *testing.T) {
	r := &Redis{opts: RedisOptions{TokenTTL: time.Hour}}
	seen := map[time.Duration]bool{}
	for _, id := range []string{"a", "b", "c", "d"} {
		life := r.tokenLife(id)
		if life < 30*time.Minute || life >= 45*time.Minute {
			t.Errorf("life = %s", life)
		}
		seen[life] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d different lives of 4", len(seen))
	}
}

package ledger

import (
	"errors"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

const goodData = "4,1,2,3,0,,4,pro,pro,ann\thw\t"

func TestDecodeRefusesWhatIsNoAnswer(t *testing.T) {
	for _, raw := range [][]any{nil, {}, {"x", int64(1), int64(2)}, {int64(0)}, {int64(0), int64(1)}, {int64(0), nil, int64(2)}, {int64(0), int64(1), int64(2)}, {int64(0), "1", int64(2)}, {[]any{int64(0)}}} {
		if _, err := decoded(raw, nil); err == nil {
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
	oneCandidate := Reservation{Candidates: []Candidate{{LicenseID: "pro", Pools: []Pool{{Key: "pro", Cap: 1}}}}}
	for name, err := range map[string]error{
		"reserved short":   func() error { r := reply{}; r.reserved(caller, Reservation{}); return r.err }(),
		"reserved numbers": func() error { r := reply{values: numbers(6)}; r.reserved(caller, oneCandidate); return r.err }(),
		"reserved nowhere": func() error {
			r := reply{values: append([]any{"s"}, numbers(9)[2:]...)}
			r.reserved(caller, oneCandidate)
			return r.err
		}(),
		"beaten data": func() error {
			r := reply{values: append(numbers(3), "1,2")}
			r.kept(caller, "s")
			return r.err
		}(),
		"sight short": func() error { r := reply{values: numbers(2)}; r.sight(caller, "s", 0); return r.err }(),
		"sight data":  func() error { r := reply{values: []any{int64(1), "1", "1,2"}}; r.sight(caller, "s", 0); return r.err }(),
		"sight state": func() error {
			r := reply{values: []any{int64(4), "1", goodData}}
			r.sight(caller, "s", 0)
			return r.err
		}(),
		"full":         func() error { r := reply{code: codeFull}; return r.full() }(),
		"full short":   func() error { r := reply{code: codeFull, values: numbers(4)}; return r.full() }(),
		"expired":      (&reply{code: codeExpired, values: []any{"s", "1"}}).sessionErr(caller),
		"expired data": (&reply{code: codeExpired, values: []any{"s", "1", "broken"}}).sessionErr(caller),
		"other code":   (&reply{code: codeHeld}).sessionErr(caller),
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

func TestParseSessionRefusesMalformedData(t *testing.T) {
	if _, err := parseSession(license.Caller{}, "s", goodData); err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{
		"", "4,1,2,3,0,,4,pro,pro", "4,x,2,3,0,,4,pro,pro,w", "4,1,x,3,0,,4,pro,pro,w", "4,1,2,x,0,,4,pro,pro,w", "4,1,2,3,0,,x,pro,pro,w",
		"1,1,2,3,0,,4,pro,pro,w", "2,1,2,3,0,,4,pro,pro,w", "3,1,2,3,0,,4,pro,pro,w", "5,1,2,3,0,,4,pro,pro,w", "1,2,3,0,,4,pro,w", ",1,2,3,0,,4,pro,pro,w",
	} {
		if _, err := parseSession(license.Caller{}, "s", raw); err == nil {
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
	_, err := parseSession(license.Caller{}, "s", "4,x,2,3,0,,4,pro,pro,ann@example.com\tsecret-hardware\t")
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
		h.LicenseID = "pro"
		if other := digest(h); other == d || len(d) != 22 {
			t.Errorf("digest of %+v = %q, and %q with a license", h, d, other)
		}
	}
}

package license_test

import (
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

func TestEpochsOfNonces(t *testing.T) {
	for nonce, want := range map[string]string{
		"run-id.replid:3fa8b2c1d4e5f60718293a4b": "17.3fa8b2c1",
		"a:b:3fa8b2c1d4":                         "17.3fa8b2c1",
		"3fa8b2c1d4":                             "17.3fa8b2c1",
		"server:3fa8":                            "17.3fa8",
		"server:":                                "17.",
		"":                                       "17.",
	} {
		e := license.NewEpoch(17, nonce)
		if e.Number != 17 || e.String() != want {
			t.Errorf("the epoch of nonce %q is %q, want %q", nonce, e, want)
		}
		if read, err := license.ParseEpoch(e.String()); read != e || err != nil {
			t.Errorf("%q is read as %+v, %v", e, read, err)
		}
	}
}

// TestAReusedNumberIsAnotherEpoch: a record restored from a backup counts to
// the same number again.
func TestAReusedNumberIsAnotherEpoch(t *testing.T) {
	if license.NewEpoch(2, "server:aaaa") == license.NewEpoch(2, "server:bbbb") {
		t.Error("two rebuilds with one number are one epoch")
	}
}

func TestNoEpoch(t *testing.T) {
	if e, err := license.ParseEpoch(""); e != (license.Epoch{}) || e.String() != "" || err != nil {
		t.Errorf("no epoch is %+v, %q, %v", e, e, err)
	}
	for _, s := range []string{".", "x", "17", "x.3fa8", ".3fa8", "0.3fa8", "-1.3fa8", " 1.3fa8", "1 .3fa8", "9223372036854775808.3fa8"} {
		if e, err := license.ParseEpoch(s); err == nil {
			t.Errorf("%q passes for the epoch %+v", s, e)
		}
	}
}

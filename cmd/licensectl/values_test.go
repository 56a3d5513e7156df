package main

import (
	"strings"
	"testing"
)

func TestListFlag(t *testing.T) {
	for text, want := range map[string]string{"": "", "export": "export", "export,render": "export|render"} {
		var l listFlag
		if err := l.UnmarshalText([]byte(text)); err != nil || l.value == nil || strings.Join(*l.value, "|") != want {
			t.Errorf("%q: %v, %v; want %s", text, l.value, err, want)
		}
	}
	for _, text := range []string{",", "export,", ",export", "a,,b"} {
		var l listFlag
		if err := l.UnmarshalText([]byte(text)); err == nil || l.value != nil {
			t.Errorf("%q is taken: %v", text, l.value)
		}
	}
}

// TestPair: one slash, and something on either side.
func TestPair(t *testing.T) {
	var l licenseID
	if err := l.UnmarshalText([]byte("acme/pro")); err != nil || l != (licenseID{"acme", "pro"}) || l.String() != "acme/pro" {
		t.Errorf("%+v, %v", l, err)
	}
	for _, text := range []string{"", "acme", "acme/", "/pro", "/", "acme/pro/x"} {
		if err := l.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a license", text)
		}
	}
}

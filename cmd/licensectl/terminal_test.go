package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestConfirm: only yes is yes; nobody is asked where nobody is.
func TestConfirm(t *testing.T) {
	for typed, want := range map[string]error{"y\n": nil, "yes\n": nil, " YES \n": nil, "y": nil, "n\n": errDeclined, "\n": errDeclined, "": errDeclined, "yes, please\n": errDeclined} {
		var asked strings.Builder
		a := terminal{in: strings.NewReader(typed), err: &asked, asks: true}
		if err := a.confirm("Delete it?"); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", typed, err, want)
		}
		if asked.String() != "Delete it? [y/N] " {
			t.Errorf("asked %q", &asked)
		}
	}
	broken := errors.New("broken")
	a := terminal{in: iotest.ErrReader(broken), err: io.Discard, asks: true}
	if err := a.confirm("Delete it?"); !errors.Is(err, broken) {
		t.Error(err)
	}
	a = terminal{in: strings.NewReader("y\n"), err: io.Discard}
	var usage usageError
	if err := a.confirm("Delete it?"); !errors.As(err, &usage) || !strings.Contains(err.Error(), "--yes") {
		t.Error(err)
	}
}

// TestAskingIsSpared by --yes.
func TestAskingIsSpared(t *testing.T) {
	a := &app{terminal: terminal{in: strings.NewReader("n\n"), err: io.Discard, asks: true}}
	if err := asking(a, Sure{Yes: true}, "Delete it?")(); err != nil {
		t.Error(err)
	}
	if err := asking(a, Sure{}, "Delete it?")(); !errors.Is(err, errDeclined) {
		t.Error(err)
	}
}

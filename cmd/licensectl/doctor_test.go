package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// TestClock: the header has whole seconds, and the answer took its time.
func TestClock(t *testing.T) {
	asked := time.Date(2026, 12, 1, 17, 0, 0, 500_000_000, time.UTC)
	answered := asked.Add(2 * time.Second)
	for seconds, want := range map[int]string{0: "0s", 2: "0s", -30: "30s", 33: "31s", 3_600: "59m58s"} {
		f := clock(asked.Truncate(time.Second).Add(time.Duration(seconds)*time.Second), asked, answered)
		if !strings.HasSuffix(f.found, "by "+want) || (f.remedy != "") != (want != "0s") {
			t.Errorf("%d s: %+v, want %s", seconds, f, want)
		}
	}
}

func TestUnreachable(t *testing.T) {
	for want, err := range map[string]error{
		"endpoint's name": &url.Error{Op: "Get", Err: &net.DNSError{Err: "no such host"}},
		"in time":         &url.Error{Op: "Get", Err: context.DeadlineExceeded},
		"cmd/local":       io.EOF,
	} {
		if got := unreachable(err); !strings.Contains(got, want) {
			t.Errorf("%v: %s", err, got)
		}
	}
}

// TestRefused: each refusal has its own remedy.
func TestRefused(t *testing.T) {
	by := func(c api.Code) error { p := api.NewProblem(c, "", "r-1"); return &p }
	for want, err := range map[string]error{
		"service's log":    errors.New("broken off"),
		"--impersonate":    by(api.Unauthenticated),
		"roles/run.invoke": &api.Problem{Status: 403},
		"vendor's staff":   by(api.Forbidden),
		"check --endpoint": &api.Problem{Status: 404},
		"try again":        by(api.Unavailable),
		"for request r-1":  by(api.MethodNotAllowed),
	} {
		if got := refused(err); !strings.Contains(got, want) {
			t.Errorf("%v: %s", err, got)
		}
	}
}

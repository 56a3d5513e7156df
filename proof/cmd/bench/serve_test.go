package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serveTest serves a handler and is its address.
func serveTest(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestEndpointTellsErrors(t *testing.T) {
	type request struct{ Fail bool }
	address := serveTest(t, endpoint(func(_ context.Context, in request) (int, error) {
		if in.Fail {
			return 0, errors.New("the reason")
		}
		return 7, nil
	}))
	c := &child{addresses: addresses{Control: address}, http: &http.Client{Transport: &http.Transport{}}}
	defer c.http.CloseIdleConnections()
	var got int
	if err := c.ask(t.Context(), "/", request{}, &got); err != nil || got != 7 {
		t.Errorf("%d, %v", got, err)
	}
	if err := c.ask(t.Context(), "/", request{Fail: true}, &got); err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("a failure is answered with %v", err)
	}
	if err := c.ask(t.Context(), "/", "no object", &got); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("nonsense is answered with %v", err)
	}
}

// TestUsedCPU: burnt CPU shows.
func TestUsedCPU(t *testing.T) {
	before, err := usedCPU()
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	for after := before; after < before+10*time.Millisecond; { // for ever, if nothing is counted
		_ = sha256.Sum256(block)
		if after, err = usedCPU(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestChildEndsWithItsInput: a child never outlives who started it.
func TestChildEndsWithItsInput(t *testing.T) {
	c, err := startChild(t.Context(), "serve-bare")
	if err != nil {
		t.Fatal(err)
	}
	if u, err := c.usage(t.Context()); err != nil || u.CPU <= 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if err := c.stop(); err != nil {
		t.Error(err)
	}
	if state := c.cmd.ProcessState; state == nil || !state.Success() {
		t.Errorf("it ended with %v", state)
	}
}

func TestChildThatCannotStart(t *testing.T) {
	if _, err := startChild(t.Context(), "serve-function", "--redis", "127.0.0.1:1", "--kms", "127.0.0.1:1"); err == nil {
		t.Error("a function without its Redis runs")
	}
}

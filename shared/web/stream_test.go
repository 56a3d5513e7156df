package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// streaming serves an operation whose answer is streamed by a handler.
func streaming(t *testing.T, handler func(context.Context, web.Call, struct{}) (web.Answer, error)) *httptest.Server {
	t.Helper()
	op := web.Operation{ID: "stream", Method: http.MethodGet, Path: api.PathJWKS, Access: web.AccessPublic}
	s := httptest.NewServer(web.NewApp(web.Options{}, nil, web.Handle(op, handler)))
	t.Cleanup(s.Close)
	return s
}

func ask(t *testing.T, method, url string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

// TestAStreamIsSentAsItIsMade: the second part is made after the first was read.
func TestAStreamIsSentAsItIsMade(t *testing.T) {
	read := make(chan struct{})
	s := streaming(t, func(_ context.Context, c web.Call, _ struct{}) (web.Answer, error) {
		out := c.Stream("text/plain")
		if _, err := io.WriteString(out, "one"); err != nil {
			return web.Answer{}, err
		}
		<-read
		_, err := io.WriteString(out, "two")
		return web.Answer{Outcome: "streamed"}, err
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+api.PathJWKS, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	first := make([]byte, 3)
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != "one" {
		t.Fatalf("%q, %v", first, err)
	}
	close(read)
	if rest, err := io.ReadAll(response.Body); err != nil || string(rest) != "two" {
		t.Errorf("%q, %v", rest, err)
	}
	if h := response.Header; response.StatusCode != http.StatusOK || h.Get("Content-Type") != "text/plain" || h.Get("Cache-Control") != "no-store" || h.Get("X-Request-Id") == "" {
		t.Errorf("%d %v", response.StatusCode, h)
	}
}

// TestAStreamThatBreaks is cut; what is refused before it is a problem as any other.
func TestAStreamThatBreaks(t *testing.T) {
	for _, late := range []bool{true, false} {
		s := streaming(t, func(_ context.Context, c web.Call, _ struct{}) (web.Answer, error) {
			out := c.Stream("text/plain")
			if late {
				_, _ = io.WriteString(out, "one")
			}
			return web.Answer{}, errors.New("broken")
		})
		response, body, err := ask(t, http.MethodGet, s.URL+api.PathJWKS) //nolint:bodyclose // ask has read it
		if late && (err == nil || body != "one") {
			t.Errorf("%q, %v", body, err)
		}
		if !late && (err != nil || response.StatusCode != http.StatusInternalServerError) {
			t.Errorf("%d %q, %v", response.StatusCode, body, err)
		}
	}
}

// TestAStreamWithoutABody: HEAD has the header alone, and the handler stops.
func TestAStreamWithoutABody(t *testing.T) {
	parts := 0
	s := streaming(t, func(_ context.Context, c web.Call, _ struct{}) (web.Answer, error) {
		out := c.Stream("text/plain")
		for {
			if _, err := io.WriteString(out, "more"); err != nil {
				return web.Answer{}, err
			}
			parts++
		}
	})
	response, body, err := ask(t, http.MethodHead, s.URL+api.PathJWKS) //nolint:bodyclose // ask has read it
	if err != nil || body != "" || response.StatusCode != http.StatusOK || parts != 0 {
		t.Errorf("%d %q, %v after %d parts", response.StatusCode, body, err, parts)
	}
}

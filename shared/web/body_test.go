package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// padded is a valid acquire of exactly n bytes.
func padded(n int) string {
	const body = `{"hardware_id":"hw-1"}`
	return body + strings.Repeat(" ", n-len(body))
}

// undeclared sends the body without a length, as chunked transfer does.
func undeclared(r *http.Request) {
	r.ContentLength = -1
	r.Body = io.NopCloser(io.MultiReader(r.Body)) // hides the reader's length
}

func TestBodyLimit(t *testing.T) {
	for _, tt := range []struct {
		size int
		ok   bool
	}{{api.MaxBody, true}, {api.MaxBody + 1, false}, {10 * api.MaxBody, false}} {
		for name, how := range map[string]func(*http.Request){"declared": func(*http.Request) {}, "undeclared": undeclared} {
			t.Run(fmt.Sprint(tt.size, name), func(t *testing.T) {
				b := newBench(t, nil)
				w := b.do("POST", api.PathAcquire, padded(tt.size), how)
				if tt.ok {
					if w.Code != 200 || b.acquire.in.HardwareID != "hw-1" {
						t.Errorf("status = %d, body %+v", w.Code, b.acquire.in)
					}
					return
				}
				problem(t, w, api.PayloadTooLarge)
				if b.acquire.calls != 0 || w.Header().Get("Connection") != "close" {
					t.Error("the handler was called, or the rest of the body is waited for")
				}
			})
		}
	}
}

// TestChunkedOverTheWire: the limit holds where no length is declared.
func TestChunkedOverTheWire(t *testing.T) {
	b := newBench(t, nil)
	server := httptest.NewServer(b.app)
	defer server.Close()
	for size, want := range map[int]int{api.MaxBody: 200, api.MaxBody + 1: 413, 1 << 20: 413} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+api.PathAcquire, io.MultiReader(strings.NewReader(padded(size))))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%d bytes: %d, want %d", size, res.StatusCode, want)
		}
	}
}

func TestContentType(t *testing.T) {
	for contentType, ok := range map[string]bool{
		"application/json": true, "application/JSON": true, "application/json; charset=utf-8": true,
		`application/json;charset="UTF-8"`: true, "application/json;charset=utf8": true, "application/json; charset=UTF8": true, "application/json; charset=utf-16": false,
		"application/json; charset=utf 8": false, "application/json; profile=x": true, " application/json": true,
		"": false, "text/json": false, "text/plain": false, "application/problem+json": false,
		"application/json; charset=latin1": false, "application/json; charset": false, "application/jsonx": false,
		"application/json, text/plain": false, "application/json; charset=utf-8; charset=latin1": false,
	} {
		for name, how := range map[string]func(*http.Request){"declared": func(*http.Request) {}, "undeclared": undeclared} {
			b := newBench(t, nil)
			w := b.do("POST", api.PathAcquire, `{"hardware_id":"hw"}`, how, func(r *http.Request) { r.Header.Set("Content-Type", contentType) })
			if ok != (w.Code == 200) {
				t.Errorf("%q %s: %d", contentType, name, w.Code)
			}
			if !ok {
				problem(t, w, api.UnsupportedMediaType)
			}
		}
	}
}

// TestContentEncoding: identity, which some HTTP libraries name, is none.
func TestContentEncoding(t *testing.T) {
	for named, ok := range map[string]bool{
		"identity": true, "Identity": true, "": true, " identity ": true, "identity|identity": true, "identity, identity": true,
		"gzip": false, "identity, gzip": false, "gzip, identity": false, "|gzip": false, "identity|br": false, "identity;q=1": false, "x-identity": false,
	} {
		b := newBench(t, nil)
		w := b.do("POST", api.PathAcquire, `{"hardware_id":"hw"}`, func(r *http.Request) { r.Header["Content-Encoding"] = strings.Split(named, "|") })
		if ok != (w.Code == 200) {
			t.Errorf("%q: %d", named, w.Code)
		}
		if !ok {
			problem(t, w, api.UnsupportedMediaType)
		}
	}
}

func TestContentTypeTwiceOrCompressed(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"missing":    func(r *http.Request) { r.Header.Del("Content-Type") },
		"twice":      func(r *http.Request) { r.Header.Add("Content-Type", "application/json") },
		"compressed": func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") },
	} {
		b := newBench(t, nil)
		t.Log(name)
		problem(t, b.do("POST", api.PathAcquire, `{"hardware_id":"hw"}`, change), api.UnsupportedMediaType)
	}
}

func TestBodyRules(t *testing.T) {
	typeless := func(r *http.Request) { r.Header.Set("Content-Type", "application/octet-stream") }
	for _, tt := range []struct {
		name, method, path, body string
		change                   func(*http.Request)
		ok                       bool
	}{
		{"acquire empty", "POST", api.PathAcquire, "", nil, false},
		{"acquire empty, undeclared", "POST", api.PathAcquire, "", undeclared, false},
		{"heartbeat empty", "PATCH", api.HeartbeatPath(sessionID), "", nil, true},
		{"heartbeat empty of any type", "PATCH", api.HeartbeatPath(sessionID), "", typeless, true},
		{"heartbeat empty, undeclared", "PATCH", api.HeartbeatPath(sessionID), "", undeclared, true},
		{"heartbeat object", "PATCH", api.HeartbeatPath(sessionID), "{}", nil, true},
		{"heartbeat object, undeclared", "PATCH", api.HeartbeatPath(sessionID), " {} ", undeclared, true},
		{"release empty", "DELETE", api.SessionPath(sessionID), "", undeclared, true},
		{"reap empty", "POST", api.PathReap, "", typeless, true},
		{"reap something", "POST", api.PathReap, "x", undeclared, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.change == nil {
				tt.change = func(*http.Request) {}
			}
			b := newBench(t, nil)
			w := b.do(tt.method, tt.path, tt.body, tt.change)
			if tt.ok {
				if w.Code != 200 {
					t.Errorf("%d: %s", w.Code, w.Body)
				}
				return
			}
			if p := problem(t, w, api.InvalidRequest); len(p.Errors) == 0 {
				t.Error("no errors are listed")
			}
		})
	}
}

// TestIgnoredBodies: what a heartbeat or a release carries costs nobody a seat,
// whatever it is, as long as it is not too large.
func TestIgnoredBodies(t *testing.T) {
	for _, way := range []string{
		"PATCH " + api.HeartbeatPath(sessionID), "POST " + api.HeartbeatPath(sessionID),
		"DELETE " + api.SessionPath(sessionID), "POST " + api.ReleasePath(sessionID),
	} {
		method, path, _ := strings.Cut(way, " ")
		for name, body := range map[string]string{
			"object": "{}", "member": `{"token":"renew"}`, "null": "null", "list": "[]", "blank": " ", "half": `{"a":`,
			"not JSON": "<xml/>", "not UTF-8": "\xff\x00", "form": "a=b", "largest": strings.Repeat("x", api.MaxBody),
		} {
			for _, contentType := range []string{"", "application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"} {
				for how, change := range map[string]func(*http.Request){"declared": func(*http.Request) {}, "undeclared": undeclared} {
					b := newBench(t, nil)
					w := b.do(method, path, body, change, func(r *http.Request) {
						r.Header.Set("Content-Type", contentType)
						r.Header.Set("Content-Encoding", "gzip")
					})
					if w.Code != http.StatusOK {
						t.Errorf("%s %s, %s of type %q, %s: %d %s", method, path, name, contentType, how, w.Code, w.Body)
					}
				}
			}
		}
		for how, change := range map[string]func(*http.Request){"declared": func(*http.Request) {}, "undeclared": undeclared} {
			b := newBench(t, nil)
			t.Log(method, path, how)
			problem(t, b.do(method, path, strings.Repeat("x", api.MaxBody+1), change), api.PayloadTooLarge)
			if b.heartbeat.calls+b.release.calls != 0 {
				t.Errorf("%s %s: the handler was called", method, path)
			}
		}
	}
}

// TestNoAnswerWaitsForAnIgnoredBody: it comes although the body does not, and then
// the connection ends, lest the rest of the body be taken for a request.
func TestNoAnswerWaitsForAnIgnoredBody(t *testing.T) {
	b := newBench(t, withDeadline(time.Hour))
	server := httptest.NewServer(b.app)
	defer server.Close()
	chunked := "PATCH " + api.HeartbeatPath(sessionID) + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, request := range map[string]string{
		"heartbeat":        head("PATCH", api.HeartbeatPath(sessionID), 4, token) + `{`,
		"heartbeat, POST":  head("POST", api.HeartbeatPath(sessionID), 4, token),
		"release":          head("DELETE", api.SessionPath(sessionID), api.MaxBody, token) + `{`,
		"release, POST":    head("POST", api.ReleasePath(sessionID), 4, token) + `{`,
		"chunked, nothing": chunked, "chunked, a part": chunked + "4\r\n{}", "chunked, not to its end": chunked + "2\r\n{}\r\n",
		"no chunk": chunked + "zzz\r\n",
	} {
		_, reader := raw(t, server.Listener.Addr().String(), request)
		res, err := http.ReadResponse(reader, nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", name, res, err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if _, err := reader.ReadByte(); err == nil {
			t.Errorf("%s: the connection goes on", name)
		}
	}
}

// raw sends bytes to a real server, and returns the connection with a reader.
func raw(t *testing.T, address, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func head(method, path string, length int, bearer string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		method, path, bearer, length)
}

// TestStallingClientIsCutOff: whether its body is wanted or not.
func TestStallingClientIsCutOff(t *testing.T) {
	b := newBench(t, withDeadline(200*time.Millisecond))
	server := httptest.NewServer(b.app)
	defer server.Close()
	for bearer, want := range map[string]int{token: 408, "wrong": 401} {
		_, reader := raw(t, server.Listener.Addr().String(), head("POST", api.PathAcquire, 100, bearer)+`{"hard`)
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("%d: no answer: %v", want, err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("status = %d, want %d", res.StatusCode, want)
		}
		if _, err := reader.ReadByte(); err == nil {
			t.Errorf("%d: the connection goes on", want)
		}
	}
}

// TestConnectionIsReused: an ordinary body does not cost its connection.
func TestConnectionIsReused(t *testing.T) {
	b := newBench(t, withDeadline(time.Hour))
	server := httptest.NewServer(b.app)
	defer server.Close()
	for _, request := range []string{
		head("POST", api.PathAcquire, 20, token) + `{"hardware_id":"hw"}`,
		head("DELETE", api.SessionPath(sessionID), 2, token) + `{}`,
		head("PATCH", api.HeartbeatPath(sessionID), 5, token) + `<xml>`,
	} {
		reuse(t, server.Listener.Addr().String(), request)
	}
}

// reuse sends a request three times on one connection.
func reuse(t *testing.T, address, request string) {
	t.Helper()
	conn, reader := raw(t, address, request)
	for range 3 {
		res, err := http.ReadResponse(reader, nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("answer %v, %v", res, err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTruncatedBody: a body shorter than declared is no request.
func TestTruncatedBody(t *testing.T) {
	b := newBench(t, nil)
	w := b.do("POST", api.PathAcquire, `{"hardware_id":"hw"}`, func(r *http.Request) {
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"hardware_id":"hw"}`), failing{}))
	})
	problem(t, w, api.InvalidRequest)
	if b.acquire.calls != 0 {
		t.Error("the handler was called")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

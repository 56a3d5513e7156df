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
		`application/json;charset="UTF-8"`: true, "application/json; profile=x": true, " application/json": true,
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
		{"heartbeat member", "PATCH", api.HeartbeatPath(sessionID), `{"token":"renew"}`, nil, false},
		{"heartbeat null", "PATCH", api.HeartbeatPath(sessionID), "null", nil, false},
		{"heartbeat list", "PATCH", api.HeartbeatPath(sessionID), "[]", nil, false},
		{"heartbeat space", "PATCH", api.HeartbeatPath(sessionID), " ", nil, false},
		{"release empty", "DELETE", api.SessionPath(sessionID), "", undeclared, true},
		{"release object", "DELETE", api.SessionPath(sessionID), "{}", nil, false},
		{"release anything", "DELETE", api.SessionPath(sessionID), "x", typeless, false},
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
	request := head("POST", api.PathAcquire, 20, token) + `{"hardware_id":"hw"}`
	conn, reader := raw(t, server.Listener.Addr().String(), request)
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

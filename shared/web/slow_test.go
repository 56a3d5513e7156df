package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// listening serves the handler as the program does, with so many connections.
func listening(t *testing.T, h http.Handler, connections int) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := web.NewServerOf(h, connections)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return listener.Addr().String()
}

// answered reads the next answer.
func answered(t *testing.T, from *bufio.Reader) (status int) {
	t.Helper()
	response, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// slow is an App that knows the callers of [named].
func slow(t *testing.T, limit int) (*bench, string) {
	b := newBench(t, func(o *web.Options) { o.MaxInFlight = limit })
	b.app = web.NewApp(web.Options{MaxInFlight: limit}, users(named),
		web.Handle(acquiring(), b.acquire.handle), web.Handle(releasing(), b.release.handle))
	return b, listening(t, b.app, 1000)
}

const acquireBody = `{"hardware_id":"hw"}`

// TestStalledBodiesOwnNothing: bodies that do not come, or trickle, in any form, are
// 408 in the end or 429 at once, and never what another organization is told 503 for.
func TestStalledBodiesOwnNothing(t *testing.T) {
	const organizations, each = 10, 12
	_, address := slow(t, 40)
	chunked := func(bearer string) string {
		return strings.Replace(head("POST", api.PathAcquire, 0, bearer), "Content-Length: 0", "Transfer-Encoding: chunked", 1)
	}
	var stalled []*bufio.Reader
	for i := range organizations * each {
		bearer := fmt.Sprintf("org-%d.user-%d", i%organizations, i%(2*organizations))
		request := head("POST", api.PathAcquire, 100, bearer) + `{"hard`
		switch i % 3 {
		case 1:
			request = chunked(bearer) + "5\r\n{\"har\r\n"
		case 2:
			request = chunked(bearer) + "5;" + strings.Repeat("x", 100)
		}
		conn, reader := raw(t, address, request)
		stalled = append(stalled, reader)
		if i%7 == 0 {
			go trickle(conn)
		}
	}
	conn, victim := raw(t, address, "")
	for range 20 {
		if _, err := io.WriteString(conn, head("POST", api.PathAcquire, len(acquireBody), "victim.ann")+acquireBody); err != nil {
			t.Fatal(err)
		}
		if status := answered(t, victim); status != http.StatusOK {
			t.Fatalf("the victim's status = %d", status)
		}
	}
	counts := map[int]int{}
	for _, from := range stalled {
		status := answered(t, from)
		counts[status]++
	}
	if counts[http.StatusRequestTimeout] < organizations || counts[http.StatusRequestTimeout]+counts[http.StatusTooManyRequests] != len(stalled) {
		t.Errorf("answers by status: %v, want 408 and 429", counts)
	}
	if _, err := io.WriteString(conn, head("DELETE", api.SessionPath(sessionID), 0, "org-1.user-1")); err != nil {
		t.Fatal(err)
	}
	if status := answered(t, victim); status != http.StatusOK {
		t.Errorf("afterwards: %d", status)
	}
}

// TestIgnoredBodiesNeedNotCome: a request whose body means nothing is done, also when
// the body stalls, breaks off or is no body, and within the request's time.
func TestIgnoredBodiesNeedNotCome(t *testing.T) {
	release := head("DELETE", api.SessionPath(sessionID), 100, "acme.ann")
	chunked := strings.Replace(release, "Content-Length: 100", "Transfer-Encoding: chunked", 1)
	app := web.NewApp(web.Options{Deadline: time.Minute}, users(named),
		web.Handle(releasing(), func(ctx context.Context, _ web.Call, _ struct{}) (web.Answer, error) {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("the request has no deadline")
			}
			return web.Answer{Status: http.StatusNoContent}, ctx.Err()
		}))
	address := listening(t, app, 100)
	for _, request := range []string{release, release + "{", chunked, chunked + "5\r\n{", chunked + "zz\r\n"} {
		for _, leaves := range []bool{false, true} {
			conn, from := raw(t, address, request)
			if leaves {
				if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			if status := answered(t, from); status != http.StatusNoContent {
				t.Errorf("%q (ended: %v): status = %d", request, leaves, status)
			}
		}
	}
}

// trickle goes on sending a byte, which buys no time.
func trickle(conn net.Conn) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := io.WriteString(conn, "a"); err != nil {
			return
		}
	}
}

// TestABodyThatIsAskedFor: Expect: 100-continue is answered once the body may come,
// and its sender has no longer than others.
func TestABodyThatIsAskedFor(t *testing.T) {
	_, address := slow(t, 40)
	asking := strings.Replace(head("POST", api.PathAcquire, len(acquireBody), "acme.ann"), "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1)
	for body, want := range map[string]int{acquireBody: http.StatusOK, "{": http.StatusRequestTimeout} {
		conn, from := raw(t, address, asking)
		if status := answered(t, from); status != http.StatusContinue {
			t.Fatalf("status = %d, want 100", status)
		}
		if _, err := io.WriteString(conn, body); err != nil {
			t.Fatal(err)
		}
		if status := answered(t, from); status != want {
			t.Errorf("%s: status = %d, want %d", body, status, want)
		}
	}
}

// TestPipelinedRequests are worked on one after the other: a connection has one place.
func TestPipelinedRequests(t *testing.T) {
	const many = 60
	b, address := slow(t, 3)
	_, from := raw(t, address, strings.Repeat(head("POST", api.PathAcquire, len(acquireBody), "acme.ann")+acquireBody, many))
	for i := range many {
		if status := answered(t, from); status != http.StatusOK {
			t.Fatalf("answer %d: %d", i, status)
		}
	}
	if b.acquire.calls != many {
		t.Errorf("%d calls", b.acquire.calls)
	}
}

// TestHugeHeaders are refused before they are kept; one with the largest ID token is not.
func TestHugeHeaders(t *testing.T) {
	_, address := slow(t, 3)
	for size, want := range map[int]int{32 << 10: http.StatusOK, 200 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		_, from := raw(t, address, head("DELETE", api.SessionPath(sessionID), 0, "acme."+strings.Repeat("x", size)))
		if status := answered(t, from); status != want {
			t.Errorf("%d bytes: status = %d, want %d", size, status, want)
		}
	}
}

// TestQuietConnectionsMakeRoom: of more connections than there may be, the one that
// has been quiet for longest is closed, whether it sent nothing, half a header, or
// had an answer; the newest is served.
func TestQuietConnectionsMakeRoom(t *testing.T) {
	const limit = 8
	b := newBench(t, nil)
	address := listening(t, b.app, limit)
	request := head("DELETE", api.SessionPath(sessionID), 0, token)
	var quiet []*bufio.Reader
	for i := range 3 * limit {
		text := []string{"", request[:40], request}[i%3]
		_, from := raw(t, address, text)
		if text == request {
			if status := answered(t, from); status != http.StatusOK {
				t.Fatalf("connection %d: %d", i, status)
			}
		}
		quiet = append(quiet, from)
	}
	for i, from := range quiet[:limit] { // the rest may be there still
		if b, err := from.ReadByte(); err == nil {
			t.Errorf("connection %d is open, and says %q", i, b)
		}
	}
}

// TestAnswersMustBeRead: the connection is given up if its client does not, and has
// no limit once it did.
func TestAnswersMustBeRead(t *testing.T) {
	b := newBench(t, nil)
	w := &hurried{ResponseRecorder: httptest.NewRecorder()}
	b.app.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, api.PathLive, http.NoBody))
	if w.Code != http.StatusOK || w.written.IsZero() || !w.until.IsZero() {
		t.Errorf("status %d, sent until %v, afterwards until %v", w.Code, w.written, w.until)
	}
}

// hurried notes the deadline that its bytes were written under.
type hurried struct {
	*httptest.ResponseRecorder
	until, written time.Time
}

func (w *hurried) SetWriteDeadline(until time.Time) error {
	w.until = until
	return nil
}

func (w *hurried) Write(p []byte) (int, error) {
	w.written = w.until
	return w.ResponseRecorder.Write(p)
}

package ledger_test

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestReserveIsSentOncePerID: a server that takes a command and hangs up. What
// it got may still be carried out, so the same session id must not be sent
// again; a heartbeat may.
func TestReserveIsSentOncePerID(t *testing.T) {
	server := hangUp(t)
	client := redis.NewClient(&redis.Options{
		Addr: server.listener.Addr().String(), Protocol: 2, DisableIdentity: true, MaxRetries: 2,
		MinRetryBackoff: -1, MaxRetryBackoff: -1, ContextTimeoutEnabled: true,
	})
	defer func() { _ = client.Close() }()
	lgr, err := ledger.NewRedis(client, ledger.RedisOptions{SessionTTL: time.Minute, TokenTTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	caller := license.Caller{OrganizationID: "acme", UserID: "ann"}
	if _, err := lgr.Reserve(t.Context(), caller, ledger.Reservation{SessionID: "the-one"}); err == nil {
		t.Error("no error")
	}
	if n := server.seen("the-one"); n != 1 {
		t.Errorf("the reservation was sent %d times", n)
	}
	if _, err := lgr.Heartbeat(t.Context(), caller, ledger.Heartbeat{SessionID: "often"}); err == nil {
		t.Error("no error")
	}
	if n := server.seen("often"); n != 3 {
		t.Errorf("the heartbeat was sent %d times", n)
	}
}

type hangingUp struct {
	listener net.Listener
	mu       sync.Mutex
	got      bytes.Buffer
}

// hangUp reads one script call of each connection and closes it.
func hangUp(t *testing.T) *hangingUp {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hangingUp{listener: listener}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { h.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); wg.Wait() })
	return h
}

// serve refuses the greetings a client begins with, as an old server would.
func (h *hangingUp) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		text := string(buf[:n])
		if strings.Contains(text, "evalsha") {
			h.note(text)
			return
		}
		commands := strings.Count("\r\n"+text, "\r\n*")
		if _, err := conn.Write([]byte(strings.Repeat("-ERR unknown command\r\n", commands))); err != nil {
			return
		}
	}
}

func (h *hangingUp) note(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got.WriteString(text)
}

func (h *hangingUp) seen(id string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Count(h.got.String(), id)
}

package webhook

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"code.dny.dev/ssrf"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustDecode(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// names is a name server whose answers the test decides.
type names struct {
	conn   net.PacketConn
	served sync.WaitGroup
	answer func() netip.Addr
}

func serveNames(t *testing.T, answer func() netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{conn: conn, answer: answer}
	n.served.Go(n.serve)
	t.Cleanup(func() { _ = conn.Close(); n.served.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (n *names) serve() {
	packet := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		_, _ = n.conn.WriteTo(n.reply(packet[:size]), from)
	}
}

// reply answers the question of a query (RFC 1035, section 4.1) where its type is that of
// the address.
func (n *names) reply(query []byte) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	question := query[12 : end+5]
	ip, kind := n.answer(), uint16(1)
	if ip.Is6() {
		kind = 28
	}
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	if binary.BigEndian.Uint16(query[end+1:]) != kind {
		return reply
	}
	reply[7] = 1
	reply = append(reply, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(ip.BitLen()/8))
	return append(reply, ip.AsSlice()...)
}

// TestNamesThatLeadInside are refused when they are dialled, whatever they look like.
func TestNamesThatLeadInside(t *testing.T) {
	for _, ip := range insideIPs() {
		resolver := serveNames(t, func() netip.Addr { return netip.MustParseAddr(ip) })
		s := NewSender(SenderOptions{Resolver: resolver})
		if status, why := s.Send(t.Context(), "https://hooks.example.com/x", http.Header{}, nil); status != 0 || why != FailureAddress {
			t.Errorf("%s: %d, %s", ip, status, why)
		}
		s.Close()
	}
}

// TestANameThatLeadsElsewhereTheNextTime: the guardian sees the very address that is
// dialled, so a name that was good before gains nothing.
func TestANameThatLeadsElsewhereTheNextTime(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var asked atomic.Int64
	resolver := serveNames(t, func() netip.Addr {
		if asked.Add(1) <= 2 { // of each name both kinds of address are asked for
			return netip.MustParseAddr("127.0.0.1")
		}
		return netip.MustParseAddr("127.0.0.2")
	})
	good := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("127.0.0.1/32")))
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dialer := newDialer(good, resolver)
	conn, err := dialer.DialContext(t.Context(), "tcp", "hooks.example.com:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if conn, err = dialer.DialContext(t.Context(), "tcp", "hooks.example.com:"+port); !errors.Is(err, ssrf.ErrProhibitedIP) {
		t.Errorf("%v, %v", conn, err)
	}
}

// TestHostileAddressesAreNotSent, even if they were written.
func TestHostileAddressesAreNotSent(t *testing.T) {
	s := NewSender(SenderOptions{})
	defer s.Close()
	for _, url := range hostile() {
		if status, why := s.Send(t.Context(), url, http.Header{}, nil); status != 0 || why != FailureAddress {
			t.Errorf("%q: %d, %s", url, status, why)
		}
	}
}

// receiver is a local one, and a sender that may call it.
func receiver(t *testing.T, h http.HandlerFunc) (*httptest.Server, *Sender) {
	t.Helper()
	server := httptest.NewServer(h)
	s := NewSender(SenderOptions{Policy: Policy{Local: true}})
	t.Cleanup(func() { s.Close(); server.Close() })
	return server, s
}

func TestSend(t *testing.T) {
	var got string
	server, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Test") + " " + string(body)
		w.WriteHeader(http.StatusAccepted)
	})
	if status, why := s.Send(t.Context(), server.URL+"/hook", http.Header{"X-Test": {"yes"}}, []byte("body")); status != http.StatusAccepted || why != "" || got != "POST /hook yes body" {
		t.Errorf("%d, %s, %q", status, why, got)
	}
}

// TestNoRedirectIsFollowed: it is an answer like any other.
func TestNoRedirectIsFollowed(t *testing.T) {
	var asked atomic.Int64
	server, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if status, _ := s.Send(t.Context(), server.URL, http.Header{}, nil); status != http.StatusTemporaryRedirect || asked.Load() != 1 {
		t.Errorf("%d after %d requests", status, asked.Load())
	}
}

// TestAnEndlessAnswerIsCut: no more is read than a receiver has reason to say.
func TestAnEndlessAnswerIsCut(t *testing.T) {
	server, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
				return
			}
		}
	})
	if status, why := s.Send(t.Context(), server.URL, http.Header{}, nil); status != http.StatusOK || why != "" {
		t.Errorf("%d, %s", status, why)
	}
}

func TestFailures(t *testing.T) {
	server, s := receiver(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	over, cancel := context.WithDeadline(t.Context(), alreadyOver())
	defer cancel()
	if _, why := s.Send(over, server.URL, http.Header{}, nil); why != FailureTimeout {
		t.Errorf("out of time: %s", why)
	}
	if _, why := s.Send(t.Context(), "http://127.0.0.1:1/", http.Header{}, nil); why != FailureConnection {
		t.Errorf("nobody listens: %s", why)
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = nil
	_, err := s.client.Get(secure.URL) //nolint:noctx,bodyclose // it gets no answer
	if why := failureOf(err); why != FailureTLS {
		t.Errorf("a certificate of nobody's: %s", why)
	}
	_, err = s.client.Get(strings.Replace(server.URL, "http:", "https:", 1)) //nolint:noctx,bodyclose // it gets no answer
	if why := failureOf(err); why != FailureTLS && why != FailureConnection {
		t.Errorf("no TLS at all: %s", why)
	}
	if why := failureOf(&net.DNSError{IsNotFound: true}); why != FailureName {
		t.Errorf("no such name: %s", why)
	}
	if why := failureOf(&net.DNSError{IsTimeout: true}); why != FailureTimeout {
		t.Errorf("a name server that is slow: %s", why)
	}
}

func alreadyOver() time.Time { return time.Now().Add(-time.Second) }

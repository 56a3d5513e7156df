package deployed

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// TestSignalWithARequestInside: SIGTERM waits for the request that is being
// served, whose client gets its whole answer; whoever comes later is refused.
func TestSignalWithARequestInside(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.organization("acme", 9)
	ann := c.user(t, "ann", "acme")
	helper := c.start("Acquire")
	session := ann.session(ann.acquire(helper, "hardware-of-ann"), http.StatusCreated).SessionID
	for _, tt := range []struct {
		target       string
		held         *gate
		method, path string
		body, token  string
		want         int
	}{
		{"Acquire", &c.signatures, http.MethodPost, api.PathAcquire, `{"hardware_id":"` + c.keep("hardware-held") + `"}`, ann.token, http.StatusCreated},
		{"Heartbeat", &c.signatures, http.MethodPatch, api.HeartbeatPath(session) + "?token=renew", "", ann.token, http.StatusOK},
		{"Release", &c.firestore, http.MethodDelete, api.SessionPath(session), "", ann.token, http.StatusNoContent},
		{"Reaper", &c.firestore, http.MethodPost, "/", "", c.schedulerToken(audience, scheduler), http.StatusOK},
		{"Control", &c.firestore, http.MethodGet, api.PathOrganizations, "", c.schedulerToken(doorAudience, seller), http.StatusOK},
		{"Admin", &c.firestore, http.MethodGet, pathMySessions, "", ann.token, http.StatusOK},
	} {
		t.Run(tt.target, func(t *testing.T) {
			p := c.start(tt.target, signingByRoot)
			arrived, release := tt.held.shut()
			defer release()
			answers := make(chan reply, 1)
			go func() {
				r, err := call(ann.client, tt.method, p.base+tt.path, tt.token, tt.body)
				if err != nil {
					t.Error(err)
				}
				answers <- r
			}()
			<-arrived
			p.signal(syscall.SIGTERM)
			p.refusesNewRequests(t)
			p.signal(syscall.SIGTERM) // impatience changes nothing
			if !p.alive() {
				t.Fatal("it ended with a request inside")
			}
			release()
			r := <-answers
			if r.status != tt.want {
				t.Errorf("the request inside got %d, want %d: %s", r.status, tt.want, r.body)
			}
			if r.status == http.StatusCreated {
				verified(t, keySet(t, ann.client, helper), ann.session(r, r.status))
			}
			if code := p.ended(killLimit); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// TestSignalInTheMiddleOfABody: a request whose body is still on its way is
// inside, too.
func TestSignalInTheMiddleOfABody(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.organization("acme", 1)
	ann := c.user(t, "ann", "acme")
	p := c.start("Acquire")
	body := `{"hardware_id":"` + c.keep("hardware-in-pieces") + `"}`
	conn := must(net.Dial("tcp", strings.TrimPrefix(p.base, "http://")))(t) //nolint:noctx // a loopback connection
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(callLimit))
	_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", api.PathAcquire, ann.token, len(body))
	from := bufio.NewReader(conn)
	// Asked for when the body is read (RFC 9110, section 10.1.1).
	if line, err := from.ReadString('\n'); !strings.Contains(line, " 100 ") {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = io.WriteString(conn, body[:5]) // a broken connection gives no answer below
	p.signal(syscall.SIGTERM)
	p.refusesNewRequests(t)
	_, _ = io.WriteString(conn, body[5:])
	_, _ = from.ReadString('\n') // the end of the interim answer
	response, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content := must(io.ReadAll(response.Body))(t)
	ann.session(reply{response.StatusCode, response.Header, content}, http.StatusCreated)
	if code := p.ended(killLimit); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// refusesNewRequests waits until the drain has begun. A new request then gets
// 503 on a connection that closes, or no connection.
func (p *process) refusesNewRequests(t *testing.T) {
	t.Helper()
	client := newClient(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := call(client, http.MethodGet, p.base+api.PathLive, "", "")
		if err != nil {
			return
		}
		if r.status != http.StatusOK {
			refused(t, r, api.Unavailable)
			if r.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return
		}
		<-tick.C
	}
}

// TestSignalWhenIdle: nothing to wait for, so it ends long before the drain's
// limit, also with a client's connection open.
func TestSignalWhenIdle(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := c.start("Release")
		kept := newClient(t)
		if r := must(call(kept, http.MethodGet, p.base+api.PathLive, "", ""))(t); r.status != http.StatusOK {
			t.Fatalf("live: %d", r.status)
		}
		p.signal(s)
		if code := p.ended(5 * time.Second); code != 0 {
			t.Errorf("%s: exit code %d, want 0 within 5 s", s, code)
		}
	}
}

// TestSignalWithARequestThatHangs: the process ends by itself before it would
// be killed, and says what it left undone.
func TestSignalWithARequestThatHangs(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.organization("acme", 1)
	ann := c.user(t, "ann", "acme")
	p := c.start("Acquire", "REQUEST_DEADLINE=1m", "BACKEND_DEADLINE=1m", signingByRoot)
	arrived, release := c.signatures.shut()
	defer release()
	answers := make(chan reply, 1)
	go func() {
		r, _ := call(ann.client, http.MethodPost, p.base+api.PathAcquire, ann.token, `{"hardware_id":"`+c.keep("hardware-hanging")+`"}`)
		answers <- r
	}()
	<-arrived
	p.signal(syscall.SIGTERM)
	if code := p.ended(killLimit); code != 0 {
		t.Errorf("exit code %d, want 0 within %s", code, killLimit)
	}
	// Without its backend it may still be told so; or its connection is gone.
	if r := <-answers; r.status != 0 && r.status != http.StatusServiceUnavailable {
		t.Errorf("the request that hung got %d: %s", r.status, r.body)
	}
	if !strings.Contains(p.stdout.String(), `"severity":"WARNING","message":"the instance ended before its work did"`) {
		t.Error("the log does not say that a request was cut off")
	}
}

// TestSignalUnderLoad: every seat that was recorded was announced, and the
// other way round, although the process ends between requests of eight clients.
func TestSignalUnderLoad(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.organization("acme", 1000)
	p := c.start("Acquire", patient()...)
	var granted struct {
		sync.Mutex
		sessions map[string]bool
	}
	granted.sessions = map[string]bool{}
	enough := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 8 {
		u := c.user(t, "user-"+strconv.Itoa(i), "acme")
		clients.Go(func() {
			for n := 0; ; n++ {
				r, err := call(u.client, http.MethodPost, p.base+api.PathAcquire, u.token, `{"hardware_id":"`+c.keep("hardware-"+strconv.Itoa(i)+"-"+strconv.Itoa(n))+`"}`)
				if err != nil || r.status == http.StatusServiceUnavailable {
					return // the process is going
				}
				s := u.session(r, http.StatusCreated)
				granted.Lock()
				granted.sessions[s.SessionID] = true
				if len(granted.sessions) == 24 {
					close(enough)
				}
				granted.Unlock()
			}
		})
	}
	<-enough
	p.signal(syscall.SIGTERM)
	clients.Wait()
	if code := p.ended(killLimit); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if recorded := c.active("acme"); recorded != len(granted.sessions) {
		t.Errorf("%d sessions recorded, %d announced", recorded, len(granted.sessions))
	}
}

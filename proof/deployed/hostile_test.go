package deployed

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// TestHostileOrganizations: however many organizations hold requests back in every
// way there is, one that does not is served.
//
//nolint:paralleltest // what it measures is who waits for whom: nobody else may be in the way
func TestHostileOrganizations(t *testing.T) {
	for _, hostile := range []int{2, 3, 10} {
		t.Run(strconv.Itoa(hostile), func(t *testing.T) { besieged(t, hostile) })
	}
}

const (
	victims      = 4   // copies of the victim's program, each on a connection of its own
	victimCalls  = 100 // of each
	hostileUsers = 4   // of each organization
	// hostilePace is between two connections of a hostile organization: 40 a second.
	hostilePace = 25 * time.Millisecond
)

func besieged(t *testing.T, hostile int) {
	c := newCloud(t)
	c.binary = unraced // the race detector makes two cores of one
	// Fewer places than Cloud Run would give an instance: they would be gone in a second.
	// What is bought is known from the start: it is not the emulator that is besieged.
	p := c.start("Acquire", append(patient(), "MAX_IN_FLIGHT=80", "ENTITLEMENT_CACHE_TTL=1h")...)
	c.organization("victim", victims)
	programs := make([]*user, victims)
	for i := range programs {
		programs[i] = c.user(t, "victim-"+strconv.Itoa(i), "victim")
		programs[i].seat(p)
	}
	ctx, stop := context.WithCancel(t.Context())
	siege := &siege{address: strings.TrimPrefix(p.base, "http://"), underWay: make(chan struct{}), answers: map[int]int{}}
	defer siege.all.Wait()
	defer stop()
	for i := range hostile {
		organization := "hostile-" + strconv.Itoa(i)
		c.organization(organization, 1000)
		var tokens []string
		for n := range hostileUsers {
			tokens = append(tokens, c.idToken("user-"+strconv.Itoa(n), organization))
		}
		siege.all.Go(func() { siege.hold(ctx, tokens) })
	}
	select {
	case <-siege.underWay: // the first bodies ran out of time: it is at its height
	case <-time.After(callLimit):
		t.Fatal("nobody was told 408")
	}
	statuses, took := served(programs, p)
	stop()
	siege.all.Wait()
	good := statuses[http.StatusCreated] + statuses[http.StatusOK] + statuses[http.StatusConflict]
	t.Logf("%d hostile organizations: victim %v, p50 %v, p99 %v; they %v",
		hostile, statuses, took[len(took)/2], took[len(took)*99/100], siege.answers)
	if good*100 < 99*victims*victimCalls {
		t.Errorf("the victim's answers: %v, want 99 %% of 201, 200 and 409", statuses)
	}
	if siege.answers[http.StatusRequestTimeout] == 0 || siege.answers[http.StatusServiceUnavailable] > siege.answers[http.StatusRequestTimeout] {
		t.Errorf("the hostile organizations' answers: %v, want 408 and 429", siege.answers)
	}
}

// seat takes the program's seat, however slow the emulator is to begin.
func (u *user) seat(p *process) {
	u.t.Helper()
	for until := time.Now().Add(startLimit); ; {
		r := u.acquire(p, "hardware-of-the-victim")
		if r.status == http.StatusCreated || r.status == http.StatusOK {
			return
		}
		if time.Now().After(until) {
			u.t.Fatalf("before anybody is hostile: %d %s", r.status, r.body)
		}
	}
}

// served are the victim's answers by status, and how long they took, ascending. Its
// programs acquire the seats that they have.
func served(programs []*user, p *process) (statuses map[int]int, took []time.Duration) {
	var mu sync.Mutex
	var all sync.WaitGroup
	statuses = map[int]int{}
	for _, u := range programs {
		all.Go(func() {
			for range victimCalls {
				began := time.Now()
				r, err := call(u.client, http.MethodPost, p.base+api.PathAcquire, u.token, `{"hardware_id":"hardware-of-the-victim"}`)
				if err != nil {
					r.status = 0
				}
				mu.Lock()
				statuses[r.status]++
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	return statuses, took
}

// siege is what hostile organizations do, and what they are told.
type siege struct {
	address  string
	all      sync.WaitGroup
	once     sync.Once
	underWay chan struct{}

	mu      sync.Mutex
	answers map[int]int
}

// hold opens connections at hostilePace and holds them in turns as [ways] say.
func (s *siege) hold(ctx context.Context, tokens []string) {
	tick := time.NewTicker(hostilePace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		request := ways(tokens[n%len(tokens)], n)
		s.all.Go(func() { s.one(ctx, request) })
	}
}

// ways are what is sent of a request: all but the last are followed by a trickle, or
// by nothing.
func ways(token string, n int) string {
	head := "POST " + api.PathAcquire + " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\n"
	const body = `{"hardware_id":"hostile"}`
	switch n % 10 {
	case 0:
		return "" // nothing at all
	case 1:
		return head[:30] // half a header
	case 2:
		return head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
	case 3:
		return head + "Content-Length: 16000\r\nExpect: 100-continue\r\n\r\n"
	case 4: // answers that nobody reads
		return strings.Repeat("GET "+api.PathOpenAPI+" HTTP/1.1\r\nHost: test\r\n\r\n", 20)
	case 5: // a request in front of one that stalls
		return head + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body + head + "Content-Length: 100\r\n\r\n{"
	default:
		return head + "Content-Length: 1000\r\n\r\n{"
	}
}

func (s *siege) one(ctx context.Context, request string) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, request); err != nil {
		return
	}
	if strings.HasPrefix(request, "GET") {
		<-ctx.Done()
		return
	}
	go s.trickle(ctx, conn)
	for from := bufio.NewReader(conn); ; {
		response, err := http.ReadResponse(from, nil)
		if err != nil {
			return
		}
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		s.note(response.StatusCode)
		if err != nil {
			return
		}
	}
}

// trickle sends a byte now and then, for as long as anybody takes it.
func (s *siege) trickle(ctx context.Context, conn net.Conn) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := fmt.Fprint(conn, "x"); err != nil {
				return
			}
		}
	}
}

func (s *siege) note(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[status]++
	if status == http.StatusRequestTimeout {
		s.once.Do(func() { close(s.underWay) })
	}
}

package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

const (
	licenseID = "pro"
	// holders have a seat and heartbeat throughout.
	holders = 40
	// spare are seats that are free when Firestore goes away.
	spare = 10
	// beatEvery is a holder's pace, quicker than the service asks for, so that every
	// holder meets the outage.
	beatEvery = time.Second
	// arrivals is how many programs without a seat ask for one, per second; they
	// come whether or not those before them were answered.
	arrivals = 100
	// patience is above everything the service may take.
	patience = 30 * time.Second
	// calm is how long a drill goes on before the outage and, at least, after it.
	calm = 4 * time.Second
)

// phase is a part of the drill.
type phase int

const (
	before phase = iota
	during
	after
	phases
)

// stage is a drill at work: the process, its load and what was seen.
type stage struct {
	rig    *rig.Rig
	outage time.Duration
	org    string
	seats  int
	http   *http.Client
	all    sync.WaitGroup
	// arrived are the newcomers that were not answered yet.
	arrived sync.WaitGroup

	mu      sync.Mutex
	phase   phase
	seen    [phases]map[string][]sample // by kind of request
	process [phases]health
	broken  []error
	newcome int // a number for every arrival
}

// sample is one request.
type sample struct {
	status int
	took   time.Duration
}

func newStage(r *rig.Rig, outage time.Duration) *stage {
	s := &stage{
		rig: r, outage: outage, org: "drill-" + uuid.NewString()[:8],
		http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 1000}},
	}
	for i := range s.seen {
		s.seen[i] = map[string][]sample{}
	}
	return s
}

// enter seats the holders, lets them heartbeat, and watches the process.
func (s *stage) enter(ctx context.Context) error {
	for i := range holders {
		user := "holder-" + strconv.Itoa(i)
		status, session := s.call(ctx, "acquire", user, http.MethodPost, api.PathAcquire)
		if status != http.StatusCreated {
			return fmt.Errorf("holder %d got no seat: status %d", i, status)
		}
		s.all.Go(func() { s.hold(ctx, user, session.SessionID, time.Duration(i)*beatEvery/holders) })
	}
	s.all.Go(func() { s.watch(ctx) })
	return nil
}

func (s *stage) wait() {
	s.arrived.Wait()
	s.all.Wait()
	s.http.CloseIdleConnections()
}

// hold heartbeats one session; that it is told the end of it breaks a promise.
func (s *stage) hold(ctx context.Context, user, session string, offset time.Duration) {
	rig.Sleep(ctx, offset)
	for ctx.Err() == nil {
		status, _ := s.call(ctx, "heartbeat", user, http.MethodPatch, api.HeartbeatPath(session))
		switch {
		case ctx.Err() != nil:
			return
		case status == http.StatusGone || status == http.StatusNotFound || status == http.StatusForbidden:
			s.complain(fmt.Errorf("%s, which heartbeats every %s, lost its seat: status %d", user, beatEvery, status))
			return
		}
		rig.Sleep(ctx, beatEvery)
	}
}

// newcomers lets programs without a seat arrive, until the time is over. With all
// seats held, one that gets one breaks a promise.
func (s *stage) newcomers(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(time.Second / arrivals)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.arrived.Go(func() {
				user := s.newcomer()
				// Detached: who arrived in time is waited for.
				status, _ := s.call(context.WithoutCancel(ctx), "acquire", user, http.MethodPost, api.PathAcquire)
				if status == http.StatusCreated || status == http.StatusOK {
					s.complain(fmt.Errorf("%s got a seat while there was none to be had", user))
				}
			})
		}
	}
}

func (s *stage) newcomer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newcome++
	return "newcomer-" + strconv.Itoa(s.newcome)
}

// call sends one request and notes how it went.
func (s *stage) call(ctx context.Context, kind, user, method, path string) (int, api.Session) {
	var body io.Reader = http.NoBody
	if method == http.MethodPost {
		body = bytes.NewReader([]byte(`{"hardware_id":"hw"}`))
	}
	request, err := http.NewRequestWithContext(ctx, method, s.rig.Workers[0].URL()+path, body)
	if err != nil {
		s.complain(err)
		return 0, api.Session{}
	}
	request.Header.Set("Authorization", "Bearer "+s.rig.IDP.IDToken(fakeidp.Claims{UserID: user, TenantID: s.org}))
	if method == http.MethodPost {
		request.Header.Set("Content-Type", api.ContentTypeJSON)
	}
	start := time.Now()
	response, err := s.http.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			s.complain(fmt.Errorf("%s got no answer: %w", kind, err))
		}
		return 0, api.Session{}
	}
	defer func() { _ = response.Body.Close() }()
	var session api.Session
	if response.StatusCode < http.StatusBadRequest {
		err = json.NewDecoder(response.Body).Decode(&session)
	} else {
		_, err = io.Copy(io.Discard, response.Body)
	}
	if err != nil && ctx.Err() == nil {
		s.complain(fmt.Errorf("%s: half an answer: %w", kind, err))
	}
	s.note(kind, sample{response.StatusCode, time.Since(start)})
	return response.StatusCode, session
}

func (s *stage) note(kind string, n sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[s.phase][kind] = append(s.seen[s.phase][kind], n)
}

func (s *stage) complain(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = append(s.broken, err)
}

func (s *stage) verdict() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	const told = 5
	return errors.Join(s.broken[:min(told, len(s.broken))]...)
}

func (s *stage) now(p phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = p
}

package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/proof/torture/rig"
)

// redisKilled: everything Redis knew is gone. Nobody may lose a seat, and none
// may be granted to anybody else, also after a whole session TTL.
func redisKilled(ctx context.Context, s *stage) error {
	s.newcomers(ctx, calm)
	s.now(during)
	redis := s.rig.Redis.Server(0)
	if err := redis.Kill(); err != nil {
		return err
	}
	s.newcomers(ctx, 2*time.Second)
	if err := redis.Start(); err != nil {
		return err
	}
	if err := s.untilServed(ctx); err != nil {
		return err
	}
	s.now(after)
	s.newcomers(ctx, s.sessionTTL()+calm)
	return s.allThere()
}

// redisHangs: connections stay open and nothing is answered. Every request is to
// be told so within a second, and nothing may pile up.
func redisHangs(ctx context.Context, s *stage) error {
	s.newcomers(ctx, calm)
	s.now(during)
	redis := s.rig.Redis.Server(0)
	if err := redis.Pause(); err != nil {
		return err
	}
	s.newcomers(ctx, s.outage)
	if err := redis.Resume(); err != nil {
		return err
	}
	if err := s.untilServed(ctx); err != nil {
		return err
	}
	s.now(after)
	s.newcomers(ctx, calm)
	return errors.Join(s.allThere(), s.answeredWithin(time.Second), s.piledUp())
}

// firestoreUnreachable and firestoreHangs: who has a seat keeps it and notices
// nothing; nobody gets one, and none is taken by those who ask.
func firestoreUnreachable(ctx context.Context, s *stage) error {
	firestore := s.rig.Workers[0].Firestore
	return s.granting(ctx,
		func() error { firestore.Cut(); return nil },
		func() error { return firestore.Open("") })
}

func firestoreHangs(ctx context.Context, s *stage) error {
	firestore := s.rig.Workers[0].Firestore
	return s.granting(ctx, firestore.Swallow, func() error { firestore.Mend(ctx); return nil })
}

// kmsHangs: nobody notices. Tokens are signed by a key that the process holds, so
// seats are granted while there are any, and whoever comes then is told that there is none.
func kmsHangs(ctx context.Context, s *stage) error {
	kms := s.rig.Workers[0].KMS
	rig.Sleep(ctx, calm)
	s.now(during)
	if err := kms.Swallow(); err != nil {
		return err
	}
	for range spare {
		if status, _ := s.call(ctx, "acquire", s.newcomer(), http.MethodPost, api.PathAcquire); status != http.StatusCreated {
			return fmt.Errorf("with KMS away and seats left an acquire was answered %d", status)
		}
	}
	s.newcomers(ctx, s.outage)
	s.arrived.Wait()
	kms.Mend(ctx)
	s.now(after)
	s.newcomers(ctx, calm)
	return errors.Join(s.grantsWentOn(), s.allThere(), s.heartbeatsWentOn(), s.piledUp())
}

// granting plays the outage of what only grants need.
func (s *stage) granting(ctx context.Context, away, back func() error) error {
	rig.Sleep(ctx, calm)
	s.now(during)
	if err := away(); err != nil {
		return err
	}
	s.newcomers(ctx, s.outage)
	s.arrived.Wait() // one still waiting would get a seat by rights once the backend is back
	if err := back(); err != nil {
		return err
	}
	if err := s.untilGranted(ctx); err != nil {
		return err
	}
	s.now(after)
	return errors.Join(s.fill(ctx), s.allThere(), s.heartbeatsWentOn(), s.piledUp())
}

// untilServed waits until a newcomer is told something definite again.
func (s *stage) untilServed(ctx context.Context) error {
	return s.until(ctx, "served", func(status int) bool { return status == http.StatusConflict })
}

// untilGranted waits until there are grants again; the one that finds out takes
// the first of the seats left.
func (s *stage) untilGranted(ctx context.Context) error {
	return s.until(ctx, "granted a seat", func(status int) bool { return status == http.StatusCreated })
}

func (s *stage) until(ctx context.Context, what string, done func(int) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	user := s.newcomer()
	for ctx.Err() == nil {
		if status, _ := s.call(ctx, "acquire", user, http.MethodPost, api.PathAcquire); done(status) {
			return nil
		}
		rig.Sleep(ctx, 100*time.Millisecond)
	}
	return fmt.Errorf("nobody was %s again within %s", what, patience)
}

// fill takes the seats that are left: all that were spare, less the one taken.
func (s *stage) fill(ctx context.Context) error {
	for i := range spare {
		want := http.StatusCreated
		if i == spare-1 {
			want = http.StatusConflict
		}
		if status, _ := s.call(ctx, "acquire", s.newcomer(), http.MethodPost, api.PathAcquire); status != want {
			return fmt.Errorf("of %d spare seats, number %d answers %d, want %d: a refused acquire took or lost a seat", spare, i+2, status, want)
		}
	}
	return nil
}

// allThere: every holder was told that it still has its seat after the outage.
func (s *stage) allThere() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := 0
	for _, n := range s.seen[after]["heartbeat"] {
		if n.status == http.StatusOK {
			kept++
		}
	}
	if s.phase == after && kept == 0 {
		return errors.New("no heartbeat was answered 200 after the outage")
	}
	return nil
}

// answeredWithin judges all that were refused in the outage.
func (s *stage) answeredWithin(limit time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for kind, samples := range s.seen[during] {
		for _, n := range samples {
			if n.status == http.StatusServiceUnavailable && n.took >= limit {
				return fmt.Errorf("a %s waited %s for its 503", kind, n.took.Round(time.Millisecond))
			}
		}
	}
	return nil
}

// grantsWentOn: nobody was told anything but that there is a seat, or none.
func (s *stage) grantsWentOn() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.seen[during]["acquire"] {
		if n.status != http.StatusCreated && n.status != http.StatusConflict {
			return fmt.Errorf("an acquire was answered %d in an outage that grants do not notice", n.status)
		}
	}
	return nil
}

// heartbeatsWentOn: not one was refused because of what only grants need.
func (s *stage) heartbeatsWentOn() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.seen[during]["heartbeat"] {
		if n.status != http.StatusOK {
			return fmt.Errorf("a heartbeat was answered %d in an outage of what only grants need", n.status)
		}
	}
	return nil
}

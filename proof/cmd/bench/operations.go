package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// user is somebody with an ID token.
type user struct {
	id, token string
}

// users makes that many users of an organization.
func (b *bench) users(ctx context.Context, organization string, n int) ([]user, error) {
	all := make([]user, n)
	for i := range all {
		all[i].id = userID(i)
		err := b.function.ask(ctx, pathToken, tokenRequest{User: all[i].id, Organization: organization}, &all[i].token)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// call is a request of this user.
func (u user) call(method, path string, body []byte) *http.Request {
	r, err := http.NewRequest(method, "http://function"+path, bytes.NewReader(body)) //nolint:noctx // the connection has a deadline
	if err != nil {
		panic(err) // made of constants and ids of the service's own
	}
	r.Header.Set("Authorization", "Bearer "+u.token)
	if body != nil {
		r.Header.Set("Content-Type", api.ContentTypeJSON)
	}
	return r
}

func (u user) acquire(hardware string) *http.Request {
	return u.call(http.MethodPost, api.PathAcquire, fmt.Appendf(nil, `{"hardware_id":%q,"license_id":%q}`, hardware, licenseID))
}

func (u user) heartbeat(session string) *http.Request {
	return u.call(http.MethodPatch, api.HeartbeatPath(session), nil)
}

func (u user) release(session string) *http.Request {
	return u.call(http.MethodDelete, api.SessionPath(session), nil)
}

// acquiring is each user taking one more seat, on new hardware every time. seen
// gets the sessions' ids, if set.
func acquiring(users []user, seen func(worker int, session string)) traffic {
	t := traffic{
		want: http.StatusCreated,
		next: func(worker int) *http.Request { return users[worker].acquire(hardwareID()) },
	}
	if seen != nil {
		t.seen = func(worker int, body []byte) error {
			var s api.Session
			err := json.Unmarshal(body, &s)
			seen(worker, s.SessionID)
			return err
		}
	}
	return t
}

// reacquiring is each user asking for the seat it has.
func reacquiring(users []user, want int) traffic {
	return traffic{
		want: want,
		next: func(worker int) *http.Request { return users[worker].acquire("workstation-of-" + users[worker].id) },
	}
}

// beating is each user keeping its session.
func beating(users []user, sessions []string) traffic {
	return traffic{
		want: http.StatusOK,
		next: func(worker int) *http.Request { return users[worker].heartbeat(sessions[worker]) },
	}
}

// releasing is each user giving its sessions back, until none is left.
func releasing(users []user, sessions [][]string) traffic {
	return traffic{
		want: http.StatusNoContent,
		next: func(worker int) *http.Request {
			mine := sessions[worker]
			if len(mine) == 0 {
				return nil
			}
			sessions[worker] = mine[1:]
			return users[worker].release(mine[0])
		},
	}
}

// deal splits sessions that n users hold in turn.
func deal(sessions []string, n int) [][]string {
	hands := make([][]string, n)
	for i, id := range sessions {
		hands[i%n] = append(hands[i%n], id)
	}
	return hands
}

// greeting is a request of the bare handler.
func greeting() traffic {
	return traffic{want: http.StatusOK, next: func(int) *http.Request {
		r, err := http.NewRequest(http.MethodGet, "http://bare/", http.NoBody) //nolint:noctx // the connection has a deadline
		if err != nil {
			panic(err) // made of constants
		}
		return r
	}}
}

// limited is t until each of n workers has sent that many.
func limited(t traffic, n, each int) traffic {
	left := make([]int, n)
	for i := range left {
		left[i] = each
	}
	next := t.next
	t.next = func(worker int) *http.Request {
		if left[worker] == 0 {
			return nil
		}
		left[worker]--
		return next(worker)
	}
	return t
}

package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/client/pace"
)

// heartbeat keeps a seat for another while; its session says when to send the next.
func heartbeat(ctx context.Context, client *http.Client, service, idToken, sessionID string) (session api.Session, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, service+api.HeartbeatPath(sessionID), http.NoBody)
	if err != nil {
		return session, err
	}
	request.Header.Set("Authorization", "Bearer "+idToken)
	response, err := client.Do(request)
	if err != nil {
		return session, err // no answer: the seat may still be held
	}
	defer func() { _ = response.Body.Close() }()
	if err := api.CheckResponse(response); err != nil {
		return session, err
	}
	err = json.NewDecoder(response.Body).Decode(&session)
	return session, err
}

// afterFailure is what a program does when a heartbeat failed for the nth time
// in a row; left is what the session has left of its life.
func afterFailure(err error, n int, left time.Duration) (next string, wait time.Duration) {
	problem, answered := errors.AsType[*api.Problem](err)
	switch {
	case !answered: // refused, broken, timed out
		return "heartbeat", pace.Retry(n, 0, left, rand.Float64())
	case problem.Retryable:
		return "heartbeat", pace.Retry(n, problem.RetryAfter, left, rand.Float64())
	case errors.Is(err, api.SessionEnded), errors.Is(err, api.SessionNotFound),
		errors.Is(err, api.LicenseExpired), errors.Is(err, api.LicenseInactive): // another license may have a seat
		return "acquire", 0
	case errors.Is(err, api.Unauthenticated):
		return "sign in", 0
	default:
		return "tell the user: " + problem.Detail, 0
	}
}

// service answers heartbeats as the license service does, by the session's id.
func service(w http.ResponseWriter, r *http.Request) {
	answers := map[string]api.Problem{
		api.HeartbeatPath("ended"):   api.NewProblem(api.SessionEnded, "The session is over.", "r-1"),
		api.HeartbeatPath("expired"): api.NewProblem(api.LicenseExpired, "The license has run out.", "r-2"),
		api.HeartbeatPath("closed"):  api.NewProblem(api.OrganizationInactive, "The account is closed.", "r-5"),
		api.HeartbeatPath("outage"):  api.NewProblem(api.Unavailable, "Send it again later.", "r-3"),
	}
	problem, refused := answers[r.URL.Path]
	switch {
	case r.Header.Get("Authorization") != "Bearer ID token":
		problem = api.NewProblem(api.Unauthenticated, "Sign in again.", "r-4")
	case !refused:
		at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
		w.Header().Set("Content-Type", api.ContentTypeJSON)
		_ = json.NewEncoder(w).Encode(api.Session{ServerTime: api.NewTime(at), NextHeartbeatAt: api.NewTime(at.Add(2 * time.Minute))})
		return
	case problem.Code == api.Unavailable:
		w.Header().Set("Retry-After", "7")
	}
	w.Header().Set("Content-Type", api.ContentTypeProblem)
	w.WriteHeader(problem.Status)
	_ = json.NewEncoder(w).Encode(problem)
}

func Example() {
	server := httptest.NewServer(http.HandlerFunc(service))
	session, err := heartbeat(context.Background(), server.Client(), server.URL, "ID token", "held")
	fmt.Println(pace.Heartbeat(session), err)

	for _, id := range []string{"outage", "ended", "expired", "closed"} {
		_, err := heartbeat(context.Background(), server.Client(), server.URL, "ID token", id)
		next, wait := afterFailure(err, 1, time.Minute)
		fmt.Println(err, "→", next, wait.Truncate(time.Second) >= 7*time.Second)
	}
	_, err = heartbeat(context.Background(), server.Client(), server.URL, "an old token", "held")
	fmt.Println(afterFailure(err, 1, time.Minute))
	server.Close()
	_, err = heartbeat(context.Background(), server.Client(), server.URL, "ID token", "held")
	next, _ := afterFailure(err, 1, time.Minute)
	fmt.Println(next)

	// Output:
	// 2m0s <nil>
	// Send it again later. (503 unavailable, request r-3) → heartbeat true
	// The session is over. (410 session_ended, request r-1) → acquire false
	// The license has run out. (403 license_expired, request r-2) → acquire false
	// The account is closed. (403 organization_inactive, request r-5) → tell the user: The account is closed. false
	// sign in 0s
	// heartbeat
}

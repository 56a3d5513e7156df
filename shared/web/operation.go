package web

import (
	"net/http"
	"reflect"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// Access says who may call an operation. The zero value is a signed-in user:
// an operation is public only if it says so.
type Access int

// The kinds of access.
const (
	// AccessUser: an Identity Platform ID token.
	AccessUser Access = iota
	// AccessScheduler: a Google OIDC token of the scheduler's service account.
	AccessScheduler
	// AccessPublic: no token.
	AccessPublic
)

// Operation is one line of the HTTP contract. The funnel enforces it and the
// OpenAPI document is made of it, so that the two cannot differ.
type Operation struct {
	ID, Method, Path string
	// Aliases are further paths that mean the same; they are not documented.
	Aliases              []string
	Summary, Description string
	Access               Access
	Body                 BodyRule
	// Request is the body's type; nil with BodyNone.
	Request reflect.Type
	// Renewable documents the query token=renew.
	Renewable bool
	Answers   []Documented
	// Problems are the codes of this operation, beside those any may have.
	Problems []api.Code
	// probe operations are called all the time: their successes are noise.
	probe bool
}

// Documented is a success an operation can answer with.
type Documented struct {
	Status      int
	Description string
	// ContentType is that of Body; empty means JSON.
	ContentType string
	// Body is the type of the body, by an example of it; nil for none.
	Body any
	// Headers describes what this answer carries beside the usual ones.
	Headers map[string]string
}

// Acquire takes a seat.
func Acquire() Operation {
	return Operation{
		ID: "acquire", Method: http.MethodPost, Path: api.PathAcquire,
		Summary:     "Take a seat",
		Description: "Takes a seat of a license, or renews the one this holder has. A holder is a license, user, hardware id and instance id: asking again, for instance after a lost answer, never takes a second seat.",
		Body:        BodyRequired, Request: reflect.TypeFor[api.AcquireRequest](),
		Answers: []Documented{
			{Status: http.StatusCreated, Description: "A new session.", Body: exampleSession(), Headers: map[string]string{"Location": "The session's address."}},
			{Status: http.StatusOK, Description: "The session this holder already had, renewed.", Body: exampleSession()},
		},
		Problems: []api.Code{
			api.InvalidRequest, api.PayloadTooLarge, api.UnsupportedMediaType,
			api.OrganizationInactive, api.LicenseInactive, api.LicenseExpired,
			api.OrganizationNotFound, api.LicenseNotFound,
			api.NoSeatsAvailable, api.LicenseAmbiguous,
		},
	}
}

// Heartbeat keeps a seat.
func Heartbeat() Operation {
	return Operation{
		ID: "heartbeat", Method: http.MethodPatch, Path: api.PathHeartbeat,
		Summary:     "Keep a seat",
		Description: "Renews a session of the caller. Send the next at next_heartbeat_at, which is about every heartbeat_interval_seconds. The license token is in the answer only when it was renewed, or when the query has token=renew.",
		Body:        BodyOptional, Request: reflect.TypeFor[api.HeartbeatRequest](), Renewable: true,
		Answers: []Documented{{Status: http.StatusOK, Description: "The session, renewed.", Body: exampleSession()}},
		Problems: []api.Code{
			api.InvalidRequest, api.PayloadTooLarge, api.UnsupportedMediaType,
			api.OrganizationInactive, api.LicenseInactive, api.LicenseExpired,
			api.OrganizationNotFound, api.LicenseNotFound, api.SessionNotFound, api.SessionEnded,
		},
	}
}

// Release gives a seat back.
func Release() Operation {
	return Operation{
		ID: "release", Method: http.MethodDelete, Path: api.PathSession,
		Summary:     "Give a seat back",
		Description: "Ends a session; ending it again changes nothing and succeeds. Owners and admins may end any session of their organization, members their own.",
		Answers:     []Documented{{Status: http.StatusNoContent, Description: "The session is over."}},
		Problems:    []api.Code{api.InvalidRequest, api.Forbidden, api.SessionNotFound},
	}
}

// KeySet publishes the keys that license tokens verify with.
func KeySet() Operation {
	return Operation{
		ID: "jwks", Method: http.MethodGet, Path: api.PathJWKS, Access: AccessPublic,
		Summary:     "The public keys",
		Description: "The keys to verify license tokens with, offline. May be kept for as long as Cache-Control says.",
		Answers: []Documented{{
			Status: http.StatusOK, Description: "The key set.", ContentType: api.ContentTypeJWKS,
			Body:    api.JWKS{Keys: []api.JWK{{KeyType: "RSA", Use: "sig", Algorithm: "RS256", KeyID: "1", Modulus: "0vx7…", Exponent: "AQAB"}}},
			Headers: map[string]string{"Cache-Control": "public, max-age=300"},
		}},
	}
}

// Document publishes this contract; see [OpenAPIJSON].
func Document() Operation {
	return Operation{
		ID: "openapi", Method: http.MethodGet, Path: api.PathOpenAPI, Access: AccessPublic,
		Summary:     "This document",
		Description: "The OpenAPI 3.1 document of all functions.",
		Answers:     []Documented{{Status: http.StatusOK, Description: "The document.", Body: map[string]any{"openapi": "3.1.0"}}},
	}
}

// Reap ends the sessions whose time ran out. Cloud Scheduler's default target
// has no path, so "/" means the same.
func Reap() Operation {
	return Operation{
		ID: "reap", Method: http.MethodPost, Path: api.PathReap, Aliases: []string{"/"}, Access: AccessScheduler,
		Summary:     "End what has expired",
		Description: "For Cloud Scheduler. Runs may overlap and be repeated; one that runs out of time says more: true and the next goes on.",
		Answers: []Documented{{Status: http.StatusOK, Description: "What the run did.", Body: api.ReapReport{
			OrganizationsVisited: 2, SessionsReaped: 3, DurationMS: 41,
		}}},
		Problems: []api.Code{api.InvalidRequest, api.Forbidden},
	}
}

// Live tells that the process runs.
func Live() Operation {
	return Operation{
		ID: "live", Method: http.MethodGet, Path: api.PathLive, Access: AccessPublic, probe: true,
		Summary: "Liveness probe", Description: "The process runs. Every function has it.",
		Answers: []Documented{{Status: http.StatusOK, Description: "It does.", Body: api.Health{Status: api.HealthOK}}},
	}
}

// Ready tells whether the backends of the function answer.
func Ready() Operation {
	checks := map[string]string{"redis": api.HealthOK, "firestore": api.HealthOK}
	broken := map[string]string{"redis": api.HealthFailed, "firestore": api.HealthOK}
	return Operation{
		ID: "ready", Method: http.MethodGet, Path: api.PathReady, Access: AccessPublic, probe: true,
		Summary: "Readiness probe", Description: "Pings what the function needs. Every function has it.",
		Answers: []Documented{
			{Status: http.StatusOK, Description: "All of it answers.", Body: api.Health{Status: api.HealthOK, Checks: checks}},
			{Status: http.StatusServiceUnavailable, Description: "Some of it does not.", Body: api.Health{Status: api.HealthFailed, Checks: broken}},
		},
	}
}

// Operations is the whole contract.
func Operations() []Operation {
	return []Operation{Acquire(), Heartbeat(), Release(), KeySet(), Document(), Reap(), Live(), Ready()}
}

// Package functions wires each function from a service's parts. The manifest
// at the module's root deploys them; the local stack serves them together.
package functions

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/coditect-ai/coditect-licenses/functions/acquire"
	"github.com/coditect-ai/coditect-licenses/functions/admin"
	"github.com/coditect-ai/coditect-licenses/functions/deliver"
	"github.com/coditect-ai/coditect-licenses/functions/heartbeat"
	"github.com/coditect-ai/coditect-licenses/functions/reaper"
	"github.com/coditect-ai/coditect-licenses/functions/release"
	"github.com/coditect-ai/coditect-licenses/shared/boot"
	"github.com/coditect-ai/coditect-licenses/shared/token"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// The checked-in copies of the OpenAPI document and of its page follow the declarations:
// `go generate ./functions` writes them, and a test fails when they are stale.
//go:generate go test . -run ^TestOpenAPIFile$|^TestAPIPage$ -update

// Contract is what each function serves. The document and the checks of routes
// are made of it.
func Contract() []web.Served {
	return []web.Served{
		{Function: "acquire", Operations: acquire.Operations()},
		{Function: "heartbeat", Operations: heartbeat.Operations()},
		{Function: "release", Operations: release.Operations()},
		{Function: "reaper", Operations: reaper.Operations()},
		{Function: "control", Operations: admin.ControlOperations()},
		{Function: "admin", Operations: admin.Operations()},
		{Function: "deliver", Operations: deliver.Operations()},
	}
}

// openAPI is the OpenAPI document of all functions, in JSON. It is the same for a whole
// process, and takes longer to make than all else that a function starts with.
var openAPI = sync.OnceValues(func() ([]byte, error) { return json.Marshal(web.OpenAPI(Contract()...)) }) //nolint:gochecknoglobals // made once

// Acquire hands out seats.
func Acquire(s *boot.Service) (*web.App, error) {
	document, err := openAPI()
	if err != nil {
		return nil, fmt.Errorf("the OpenAPI document: %w", err)
	}
	return acquire.New(s.Web("acquire"), acquire.Deps{
		Authenticate: s.Authenticate(true), Entitlements: s.Entitlements, Seats: s.Seats, Tokens: s.Tokens,
		HeartbeatInterval: s.Config.HeartbeatInterval, Document: document, Now: s.Now,
	}), nil
}

// Heartbeat keeps them.
func Heartbeat(s *boot.Service) (*web.App, error) {
	return heartbeat.New(s.Web("heartbeat"), heartbeat.Deps{
		Authenticate: s.Authenticate(false), Entitlements: s.Entitlements, Seats: s.Seats, Tokens: s.Tokens,
		HeartbeatInterval: s.Config.HeartbeatInterval, Now: s.Now,
	}), nil
}

// Release takes them back.
func Release(s *boot.Service) (*web.App, error) {
	return release.New(s.Web("release"), release.Deps{
		Authenticate: s.Authenticate(false), Entitlements: s.Entitlements, Seats: s.Seats, Revocations: s.Administration, Now: s.Now,
	}), nil
}

// Reaper clears what was abandoned.
func Reaper(s *boot.Service) (*web.App, error) {
	return reaper.New(s.Web("reaper"), reaper.Deps{
		Authenticate: s.AuthenticateScheduler, Index: s.Ledger, Record: s.Record, Seats: s.Seats, Keys: s.Keys,
		Budget: s.Config.ReapBudget, Now: s.Now,
	}), nil
}

// Control sells seats: it is the administration's door for the vendor, and alone changes
// what was sold.
func Control(s *boot.Service) (*web.App, error) {
	if s.Administration == nil || s.People == nil {
		return nil, errors.New("the record has no administration here, or Identity Platform cannot be asked")
	}
	deps := administration(s, s.AuthenticateStaff)
	deps.Keys = admin.Keys{Record: s.Record, Signing: token.Signing(s.Config.TokenSigning), ActivationDelay: s.Config.KeyActivationDelay}
	if s.Roots != nil {
		deps.Keys.Roots = s.Roots
	}
	return admin.NewControl(s.Web("control"), deps), nil
}

// Admin is the administration's door for customers: for members, and for those who
// administer an organization. It ends sessions and, where that was chosen, administers
// users; it changes nothing that was sold.
func Admin(s *boot.Service) (*web.App, error) {
	if s.Administration == nil {
		return nil, errors.New("the record has no administration here")
	}
	return admin.New(s.Web("admin"), administration(s, s.Authenticate(true))), nil
}

// Deliver tells what happened to whoever is to be told.
func Deliver(s *boot.Service) (*web.App, error) {
	if s.Courier == nil {
		return nil, errors.New("the record has no outbox here")
	}
	return deliver.New(s.Web("deliver"), deliver.Deps{
		Authenticate: s.AuthenticateScheduler, Courier: s.Courier, Budget: s.Config.ReapBudget, Now: s.Now,
	}), nil
}

func administration(s *boot.Service, callers web.Authenticator) admin.Deps {
	return admin.Deps{
		Authenticate: callers, Record: s.Administration, Sessions: s.Record, Entitlements: s.Entitlements,
		Ledger: s.Ledger, Seats: s.Seats, People: s.People, WebhookKey: s.WebhookKey(), WebhookPolicy: s.WebhookPolicy(), Now: s.Now,
	}
}

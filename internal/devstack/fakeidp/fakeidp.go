// Package fakeidp stands in for Google's token issuers, offline: it signs real
// Identity Platform ID tokens and real service account OIDC tokens with keys of
// its own, and publishes these keys in Google's formats at Google's addresses.
// So the real libraries verify real signatures; only whom they trust differs.
//
// It is for tests and the local stack and is never linked into the service.
package fakeidp

import (
	"crypto/rsa"
	"errors"
	"sync"
	"time"
)

// Config of an [IDP]. ProjectID is required.
type Config struct {
	// ProjectID is audience and issuer of the ID tokens.
	ProjectID string
	// Now is the clock of tokens and revocations; nil means time.Now.
	Now func() time.Time
	// Stranger has keys that no other issuer of the process has or will have: for tests
	// of what another's key signed. The keys of others come round again.
	Stranger bool
}

// Mode is how the servers behave.
type Mode int

// The ways in which a server can go wrong.
const (
	// Working answers as Google does.
	Working Mode = iota
	// Failing answers 503.
	Failing
	// Hanging answers nothing until the request's context ends.
	Hanging
	// Garbling answers 200 with a web page, as a captive portal does.
	Garbling
)

// defaultMaxAge is about what Google's certificate endpoint gives.
const defaultMaxAge = 6 * time.Hour

// IDP is both issuers and their servers. It is safe for concurrent use and
// starts no goroutine.
type IDP struct {
	project string
	now     func() time.Time
	private func() (*rsa.PrivateKey, error)

	mu       sync.Mutex
	users    keyRing // signs ID tokens
	services keyRing // signs OIDC tokens of service accounts
	accounts map[account]state
	signIns  map[string]signIn // of machines, by refresh token
	mode     Mode
	maxAge   time.Duration
	fetches  int
	lookups  int
	changes  int
}

// New generates an issuer's keys: two of RSA-2048, a fraction of a second.
func New(cfg Config) (*IDP, error) {
	if cfg.ProjectID == "" {
		return nil, errors.New("fakeidp: no project id")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	i := &IDP{project: cfg.ProjectID, now: cfg.Now, accounts: map[account]state{}, signIns: map[string]signIn{}, maxAge: defaultMaxAge}
	if i.private = made.take; cfg.Stranger {
		i.private = generate
	}
	if err := i.Rotate(); err != nil {
		return nil, err
	}
	return i, nil
}

// Rotate makes both issuers sign with a new key. The key before it stays
// published until the next rotation, as with Google; older ones are withdrawn.
func (i *IDP) Rotate() error {
	user, err := i.newKey()
	if err != nil {
		return err
	}
	service, err := i.newKey()
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.users, i.services = i.users.with(user), i.services.with(service)
	return nil
}

// SetMode makes all servers behave in that way from now on.
func (i *IDP) SetMode(m Mode) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mode = m
}

// SetMaxAge is the lifetime certificates are published with (Cache-Control).
func (i *IDP) SetMaxAge(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.maxAge = d
}

// Fetches counts the requests for certificates so far, answered or not.
func (i *IDP) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// Lookups counts the requests for a user's account so far, answered or not.
func (i *IDP) Lookups() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.lookups
}

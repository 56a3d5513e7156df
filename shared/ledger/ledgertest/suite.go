package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// Subject is a ledger on trial, with a hand on its server.
type Subject struct {
	Ledger ledger.Ledger
	// Advance moves the server's clock, or all it has written back in time.
	Advance func(d time.Duration)
	// Step moves the server's clock alone, and leaves its callers' as it is.
	Step func(d time.Duration)
	// Lose empties the server, Promote gives it another identity with all its data.
	Lose, Promote func()
}

// The TTLs of the suite: far from each other's halves, and far above what a
// slow machine takes for a test.
const (
	sessionTTL = 6 * time.Minute
	tokenTTL   = time.Hour
	tokenMin   = 5 * time.Minute
	// slack is how far times may be off on a server whose clock runs on.
	slack = 20 * time.Second
)

const acme, globex = "acme", "globex"

// Run tests every sentence of the contract on ledgers that open makes, each
// empty and with nobody else's data.
func Run(t *testing.T, open func(t *testing.T, sessionTTL, tokenTTL time.Duration) Subject) {
	groups := map[string]map[string]func(*bench){
		"Reserve": reserveTests(), "Candidates": candidateTests(), "Stale": staleTests(), "Heartbeat": beatTests(), "Token": tokenTests(), "Handover": handoverTests(),
		"Mark": markTests(), "Look": lookTests(), "Count": countTests(), "Remove": removeTests(), "Rebuild": rebuildTests(), "Index": indexTests(),
		"Tenancy": tenancyTests(), "Clock": clockTests(),
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			for name, test := range tests {
				t.Run(name, func(t *testing.T) { test(newBench(t, open(t, sessionTTL, tokenTTL))) })
			}
		})
	}
}

// bench is a subject with acme's and globex's ledgers loaded in epoch 1.
type bench struct {
	*testing.T
	Subject
	sessions int
}

func newBench(t *testing.T, s Subject) *bench {
	b := &bench{T: t, Subject: s}
	b.rebuild(acme, 1)
	b.rebuild(globex, 1)
	return b
}

func caller(org, user string) license.Caller {
	return license.Caller{OrganizationID: org, UserID: user}
}

// nonce is what the ledger asks to be rebuilt with.
func (b *bench) nonce(org string) string {
	b.Helper()
	_, err := b.Ledger.Visit(b.Context(), license.ServiceCaller(org), 1)
	var fresh *ledger.RebuildError
	if !errors.As(err, &fresh) || fresh.Nonce == "" {
		b.Fatalf("error = %v, want a call for a rebuild", err)
	}
	return fresh.Nonce
}

// epochOf is the suite's epoch of this number.
func epochOf(number int64) license.Epoch {
	return license.NewEpoch(number, fmt.Sprintf("server:%08x", number))
}

// rebuild loads exactly these sessions.
func (b *bench) rebuild(org string, number int64, sessions ...license.Session) {
	b.Helper()
	nonce := b.nonce(org)
	b.ok(b.Ledger.Stage(b.Context(), license.ServiceCaller(org), nonce, epochOf(number), members(sessions...)))
	b.ok(b.Ledger.Load(b.Context(), license.ServiceCaller(org), nonce, epochOf(number)))
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// want is one wish for a seat; zero caps stand for plenty.
type want struct {
	org, license, user, hardware, instance, session string
	max, maxOrg, tokens                             int
	tokenTTL                                        time.Duration
	closed                                          bool
	// others are the candidates after the first.
	others []other
}

// other is one more license that a wish may be granted under.
type other struct {
	license     string
	max, tokens int
	tokenTTL    time.Duration
	closed      bool
}

func (b *bench) fill(w want) (string, ledger.Reservation) {
	or := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	b.sessions++
	or(&w.org, acme)
	or(&w.license, "pro")
	or(&w.user, "ann")
	or(&w.hardware, "hw")
	or(&w.session, fmt.Sprintf("0199abcd-0000-7000-8000-%012d", b.sessions))
	r := ledger.Reservation{
		SessionID: w.session,
		Holder:    license.Holder{UserID: w.user, HardwareID: w.hardware, InstanceID: w.instance},
	}
	for _, o := range append([]other{{w.license, w.max, w.tokens, w.tokenTTL, w.closed}}, w.others...) {
		r.Candidates = append(r.Candidates, ledger.Candidate{
			LicenseID: o.license, Pools: pools(o.license, plenty(o.max), plenty(w.maxOrg)), Closed: o.closed,
			TokenTTL: o.tokenTTL, TokenCap: plenty(o.tokens),
		})
	}
	return w.org, r
}

// plenty is what no limit stands for.
func plenty(limit int) int {
	if limit == 0 {
		return 10_000
	}
	return limit
}

func (b *bench) reserve(w want) (ledger.Hold, error) {
	org, r := b.fill(w)
	return b.Ledger.Reserve(b.Context(), caller(org, r.Holder.UserID), r)
}

// take reserves, which must succeed.
func (b *bench) take(w want) ledger.Hold {
	b.Helper()
	h, err := b.reserve(w)
	b.ok(err)
	return h
}

// refusal is that of a wish under one license.
type refusal struct {
	ledger.Refusal
	RetryAfter time.Duration
}

func (b *bench) full(w want) refusal {
	b.Helper()
	full := b.fullOf(w)
	if len(full.Refusals) != 1 {
		b.Fatalf("%d refusals, want that of the one license", len(full.Refusals))
	}
	return refusal{full.Refusals[0], full.RetryAfter}
}

func (b *bench) fullOf(w want) *ledger.FullError {
	b.Helper()
	_, err := b.reserve(w)
	return is[*ledger.FullError](b, err)
}

// stale is the ids, in order, of the sessions that must be ended first.
func (b *bench) stale(w want) []string {
	b.Helper()
	return ids(b.staleHolds(w))
}

func (b *bench) staleHolds(w want) []ledger.Hold {
	b.Helper()
	_, err := b.reserve(w)
	var stale *ledger.StaleError
	if !errors.As(err, &stale) {
		b.Fatalf("error = %v, want stale sessions", err)
	}
	return stale.Holds
}

func ids(holds []ledger.Hold) []string {
	var out []string
	for _, h := range holds {
		out = append(out, h.ID)
	}
	return out
}

func (b *bench) beat(h ledger.Hold) (ledger.Hold, error) {
	return b.Ledger.Heartbeat(b.Context(), caller(h.OrganizationID, h.UserID), ledger.Heartbeat{SessionID: h.ID})
}

// pools are the suite's two: the license's, and the organization's own.
func pools(licenseID string, limit, organization int) []ledger.Pool {
	return []ledger.Pool{{Key: licenseID, Cap: limit}, {Cap: organization}}
}

// The places of the two in a refusal.
const ofLicense, ofOrganization = 0, 1

// members are recorded sessions with the pool of their license, to be staged.
func members(sessions ...license.Session) ledger.Chunk {
	var c ledger.Chunk
	for _, s := range sessions {
		c.Members = append(c.Members, ledger.Member{Session: s, Pools: []string{s.LicenseID}})
	}
	return c
}

func (b *bench) mark(h ledger.Hold, reason license.EndReason) ledger.Hold {
	b.Helper()
	marked, err := b.Ledger.Mark(b.Context(), caller(h.OrganizationID, h.UserID),
		ledger.Mark{SessionID: h.ID, UserID: h.UserID, Own: reason})
	b.ok(err)
	return marked
}

func (b *bench) remove(how ledger.Removal, want int, holds ...ledger.Hold) {
	b.Helper()
	n, err := b.Ledger.Remove(b.Context(), license.ServiceCaller(holds[0].OrganizationID), how, holds...)
	b.ok(err)
	if n != want {
		b.Errorf("removed %d sessions by %q, want %d", n, how, want)
	}
}

func (b *bench) visit(org string, limit int) ledger.Visit {
	b.Helper()
	v, err := b.Ledger.Visit(b.Context(), license.ServiceCaller(org), limit)
	b.ok(err)
	return v
}

func (b *bench) held(org string) int {
	b.Helper()
	h, err := b.Ledger.Known(b.Context(), license.ServiceCaller(org), nil)
	b.ok(err)
	return h.Held
}

func (b *bench) near(what string, got, want time.Time) {
	b.Helper()
	if d := got.Sub(want).Abs(); d > slack {
		b.Errorf("%s = %s, %s off", what, got, d)
	}
}

// same compares by their text: every value here prints as what it is.
func (b *bench) same(what string, got, want any) {
	b.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		b.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// wants fails unless err is, or wraps, an error of want's kind.
func wants[E error](b *bench, err error) {
	b.Helper()
	if !errors.As(err, new(E)) {
		b.Fatalf("error = %v, want %T", err, *new(E))
	}
}

// is is that error. It fails unless err is, or wraps, an error of want's kind.
func is[E error](b *bench, err error) E {
	b.Helper()
	var want E
	if !errors.As(err, &want) {
		b.Fatalf("error = %v, want %T", err, want)
	}
	return want
}

// canceled is a context that is over.
func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// oddities are ids that could confuse a parser, a key or a number.
func oddities() []string {
	printable := make([]byte, 0, 95)
	for c := byte(' '); c <= '~'; c++ {
		printable = append(printable, c)
	}
	return []string{
		string(printable), "a,b", "a\tb", "a\nb", "{org}:x", "}{", "%2C", "%", "0", "-", "1e3", "nil",
		"ünï-字-🙂", "\xff\xfe", strings.Repeat("x", 128),
	}
}

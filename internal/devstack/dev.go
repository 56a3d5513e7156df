package devstack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// Local is the functions together with a page of the API and the development helpers
// under /dev/, which make tokens for anyone and change any organization, and therefore
// answer on loopback addresses alone. Whoever may not use them, or asks for one that
// does not exist, is answered by the functions, as at every path they do not know.
func (s *Stack) Local() http.Handler {
	dev, service, page := http.NewServeMux(), s.Handler(), docs()
	for _, h := range []struct {
		method, pattern string
		serve           http.HandlerFunc
	}{
		{http.MethodPost, "/dev/token", helper(s.devToken)},
		{http.MethodPost, "/dev/staff-token", helper(s.devStaffToken)},
		{http.MethodPut, "/dev/organizations/{org}", helper(s.devOrganization)},
		{http.MethodPut, "/dev/organizations/{org}/licenses/{license}", helper(s.devLicense)},
		{http.MethodPost, "/dev/scheduler", s.devScheduler},
		{http.MethodPost, "/dev/deliver", s.devDeliver},
	} {
		dev.HandleFunc(h.method+" "+h.pattern, h.serve)
		dev.HandleFunc(h.pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", h.method)
			answer(w, http.StatusMethodNotAllowed, map[string]string{"error": "use " + h.method})
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := service
		if r.URL.EscapedPath() == pathDocs {
			next = page
		}
		// The mux has a pattern for redirects of its own too: to clean paths.
		if _, known := dev.Handler(r); known != "" && isLoopbackOnly(r) && path.Clean(r.URL.EscapedPath()) == r.URL.EscapedPath() {
			next = dev
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopbackOnly: a program on this machine asks, and no web page: a page that a
// developer visits could otherwise call 127.0.0.1, also by a name of its own that
// resolves there.
func isLoopbackOnly(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return isLoopback(r.RemoteAddr) && isLoopbackHost(host) && r.Header.Get("Origin") == ""
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && isLoopbackHost(host)
}

func isLoopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// helper is a development endpoint: strict JSON in, JSON out, and an error's
// text, since it is for the developer at this machine.
func helper[In any](h func(r *http.Request, in In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := decode(http.MaxBytesReader(w, r.Body, api.MaxBody), &in); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		out, err := h(r, in)
		switch {
		case errors.Is(err, license.ErrOrganizationNotFound), errors.Is(err, errBadID):
			answer(w, http.StatusNotFound, map[string]string{"error": err.Error()})
		case err != nil:
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		default:
			answer(w, http.StatusOK, out)
		}
	}
}

func decode(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("the body is not the JSON object this takes: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body goes on after the JSON object")
	}
	return nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", api.ContentTypeJSON)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone
}

// tokenRequest names a user, who need not exist, or by its address alone an account that
// does, or has the refresh token of a machine's alone.
type tokenRequest struct {
	UserID         string `json:"user_id"`
	OrganizationID string `json:"organization_id"`
	Email          string `json:"email"`
	Role           string `json:"role"`
	TTLSeconds     *int   `json:"ttl_seconds"`
	RefreshToken   string `json:"refresh_token"`
}

// devToken signs an ID token such as Identity Platform would. A ttl_seconds
// below zero gives one that has expired.
func (s *Stack) devToken(_ *http.Request, in tokenRequest) (any, error) {
	switch {
	case in.RefreshToken != "":
		return s.refresh(in)
	case in.UserID == "" && in.Email == "":
		return nil, errors.New("user_id is missing")
	case in.UserID == "":
		return s.signIn(in)
	}
	ttl := time.Hour
	if in.TTLSeconds != nil {
		ttl = time.Duration(*in.TTLSeconds) * time.Second
	}
	now := s.opts.Now()
	claims := fakeidp.Claims{
		UserID: in.UserID, TenantID: in.OrganizationID, Email: in.Email, Role: in.Role,
		IssuedAt: now, ExpiresAt: now.Add(ttl),
	}
	if ttl <= 0 {
		claims.IssuedAt = claims.ExpiresAt.Add(-time.Hour)
	}
	return map[string]string{"id_token": s.IDP.IDToken(claims)}, nil
}

// signIn signs a user in that was invited: what its token says, its account says.
func (s *Stack) signIn(in tokenRequest) (any, error) {
	if in != (tokenRequest{Email: in.Email}) {
		return nil, errors.New("email by itself signs in an account, which says the rest: leave out the other members, or say user_id")
	}
	token, err := s.IDP.SignIn(in.Email)
	if err != nil {
		return nil, err
	}
	return map[string]string{"id_token": token}, nil
}

// refresh is what a machine gets at securetoken.googleapis.com.
func (s *Stack) refresh(in tokenRequest) (any, error) {
	if in != (tokenRequest{RefreshToken: in.RefreshToken}) {
		return nil, errors.New("refresh_token by itself says whose it is: leave out the other members")
	}
	token, err := s.IDP.Refresh(in.RefreshToken)
	if err != nil {
		return nil, err
	}
	return map[string]string{"id_token": token}, nil
}

type staffTokenRequest struct {
	Email string `json:"email"`
}

// devStaffToken signs an ID token such as Google would for one of the vendor's staff.
func (s *Stack) devStaffToken(_ *http.Request, in staffTokenRequest) (any, error) {
	return map[string]string{"id_token": s.StaffToken(or(in.Email, "staff@"+staffDomain))}, nil
}

// StaffToken is an ID token that opens the vendor's door, of an account of the
// vendor's own domain.
func (s *Stack) StaffToken(email string) string {
	return s.IDP.SchedulerToken(fakeidp.SchedulerClaims{
		Audience: staffAudience, Email: email, Override: map[string]any{"hd": staffDomain},
	})
}

var errBadID = errors.New("an id is 1-63 of a-z, 0-9 and hyphen, not starting with a hyphen")

type organizationRequest struct {
	Name               string         `json:"name"`
	Slug               string         `json:"slug"`
	SubscriptionTier   string         `json:"subscription_tier"`
	Status             license.Status `json:"status"`
	MaxConcurrentSeats *int           `json:"max_concurrent_seats"`
}

// defaultCap is the organization cap where a development request names none.
const defaultCap = 100

func (s *Stack) devOrganization(r *http.Request, in organizationRequest) (any, error) {
	id := r.PathValue("org")
	if !license.ValidID(id) {
		return nil, errBadID
	}
	org := license.Organization{
		ID: id, Name: or(in.Name, id), Slug: or(in.Slug, id), SubscriptionTier: or(in.SubscriptionTier, "team"),
		Status: or(in.Status, license.StatusActive), MaxConcurrentSeats: defaultCap,
	}
	if in.MaxConcurrentSeats != nil {
		org.MaxConcurrentSeats = *in.MaxConcurrentSeats
	}
	if err := s.putOrganization(r.Context(), s.clients.Administration, org); err != nil {
		return nil, err
	}
	s.Service.Entitlements.Forget(id)
	return map[string]any{
		"id": org.ID, "name": org.Name, "slug": org.Slug, "subscription_tier": org.SubscriptionTier,
		"status": org.Status, "max_concurrent_seats": org.MaxConcurrentSeats,
	}, nil
}

type licenseRequest struct {
	Product      string         `json:"product"`
	Plan         string         `json:"plan"`
	MaxSeats     *int           `json:"max_seats"`
	Status       license.Status `json:"status"`
	ExpiresAt    *time.Time     `json:"expires_at"`
	GraceSeconds int64          `json:"grace_seconds"`
	OfflineMax   int64          `json:"offline_max_seconds"`
	Handover     *int           `json:"handover"`
	PerUser      int            `json:"max_sessions_per_user"`
	Entitlements []string       `json:"entitlements"`
}

func (s *Stack) devLicense(r *http.Request, in licenseRequest) (any, error) {
	org, id := r.PathValue("org"), r.PathValue("license")
	if !license.ValidID(org) || !license.ValidID(id) {
		return nil, errBadID
	}
	lic := license.License{
		ID: id, OrganizationID: org, Product: or(in.Product, "studio"), Plan: or(in.Plan, "team"),
		Status: or(in.Status, license.StatusActive), Entitlements: in.Entitlements, MaxSeats: 1,
	}
	if in.MaxSeats != nil {
		lic.MaxSeats = *in.MaxSeats
	}
	lic.Grace, lic.OfflineMax = license.Seconds(in.GraceSeconds), license.Seconds(in.OfflineMax)
	lic.Handover, lic.MaxSessionsPerUser, lic.Perpetual = in.Handover, in.PerUser, in.ExpiresAt == nil
	if in.ExpiresAt != nil {
		lic.ExpiresAt = in.ExpiresAt.UTC()
	}
	if err := s.putLicense(r.Context(), s.clients.Administration, lic); err != nil {
		return nil, err
	}
	s.Service.Entitlements.Forget(org)
	return map[string]any{
		"id": lic.ID, "organization_id": org, "product": lic.Product, "plan": lic.Plan, "max_seats": lic.MaxSeats,
		"status": lic.Status, "expires_at": in.ExpiresAt, "grace_seconds": in.GraceSeconds, "entitlements": api.List(lic.Entitlements),
	}, nil
}

func or[T ~string](v, fallback T) T {
	if v == "" {
		return fallback
	}
	return v
}

// devScheduler calls the reaper as Cloud Scheduler does, with a signed token.
func (s *Stack) devScheduler(w http.ResponseWriter, r *http.Request) {
	s.RunReaper(w, r)
}

// devDeliver calls deliver as Cloud Scheduler does.
func (s *Stack) devDeliver(w http.ResponseWriter, r *http.Request) {
	if s.Deliver == nil {
		answer(w, http.StatusNotFound, map[string]string{"error": "this stack has no events"})
		return
	}
	s.RunDeliver(w, r)
}

// RunReaper serves one run of the reaper, called as Cloud Scheduler calls it.
func (s *Stack) RunReaper(w http.ResponseWriter, r *http.Request) {
	s.schedule(s.Reaper, api.PathReap, w, r)
}

// RunDeliver serves one run of deliver, called as Cloud Scheduler calls it.
func (s *Stack) RunDeliver(w http.ResponseWriter, r *http.Request) {
	s.schedule(s.Deliver, api.PathDeliver, w, r)
}

func (s *Stack) schedule(app *web.App, path string, w http.ResponseWriter, r *http.Request) {
	call := httptest.NewRequestWithContext(r.Context(), http.MethodPost, path, http.NoBody)
	call.Header.Set("Authorization", "Bearer "+s.SchedulerToken())
	app.ServeHTTP(w, call)
}

// SchedulerToken is an OIDC token as Cloud Scheduler sends it.
func (s *Stack) SchedulerToken() string {
	return s.IDP.SchedulerToken(SchedulerClaims())
}

// SchedulerClaims is whose OIDC token a stack's reaper accepts.
func SchedulerClaims() fakeidp.SchedulerClaims {
	return fakeidp.SchedulerClaims{Audience: schedulerAudience, Email: schedulerAccount}
}

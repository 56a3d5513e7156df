package fakeidp

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrNoSignIn says that no account has the address, or that it is disabled.
var ErrNoSignIn = errors.New("no account with this address can sign in")

// administer serves what administrators do with accounts of the project, in the part that
// shared/people asks for. Its tests run against Google's own emulator too.
// https://cloud.google.com/identity-platform/docs/reference/rest/v1/projects.accounts
func (i *IDP) administer(mux *http.ServeMux) {
	for path, act := range map[string]func(accountRequest) (map[string]any, error){
		"accounts": i.create, "accounts:update": i.update, "accounts:delete": i.remove, "accounts:sendOobCode": i.link,
	} {
		mux.HandleFunc("POST /v1/projects/{project}/"+path, i.counted(&i.changes, func(w http.ResponseWriter, r *http.Request) {
			i.act(w, r, act)
		}))
	}
}

// accountRequest is what the requests say; each says a part of it.
type accountRequest struct {
	ID               string  `json:"localId"`
	Email            string  `json:"email"`
	Name             string  `json:"displayName"`
	CustomAttributes *string `json:"customAttributes"`
	Disable          *bool   `json:"disableUser"`
	Verified         *bool   `json:"emailVerified"`
	ValidSince       string  `json:"validSince"`
	RequestType      string  `json:"requestType"`
	ReturnLink       bool    `json:"returnOobLink"`
}

// codeError is what Google's error documents say.
type codeError string

func (e codeError) Error() string { return string(e) }

// act answers a request, which has i.mu for itself.
func (i *IDP) act(w http.ResponseWriter, r *http.Request, act func(accountRequest) (map[string]any, error)) {
	var in accountRequest
	if r.PathValue("project") != i.project || json.NewDecoder(r.Body).Decode(&in) != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	in.Email = strings.ToLower(in.Email)
	i.mu.Lock()
	out, err := act(in)
	i.mu.Unlock()
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, out)
}

// refuse answers as Google does.
func refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(http.StatusBadRequest)
	out := map[string]any{"error": map[string]any{"code": http.StatusBadRequest, "message": err.Error()}}
	_ = json.NewEncoder(w).Encode(out) // a reader that left gets nothing
}

// byEmail is the id of the account with an address. The caller holds mu.
func (i *IDP) byEmail(tenant, email string) (string, bool) {
	for a, s := range i.accounts {
		if a.tenant == tenant && s.email != "" && strings.EqualFold(s.email, email) {
			return a.id, true
		}
	}
	return "", false
}

func (i *IDP) create(in accountRequest) (map[string]any, error) {
	if in.ID == "" {
		in.ID = rand.Text()
	}
	if s, known := i.accounts[account{id: in.ID}]; known && !s.created.IsZero() {
		return nil, codeError("DUPLICATE_LOCAL_ID")
	}
	if _, taken := i.byEmail("", in.Email); taken {
		return nil, codeError("EMAIL_EXISTS")
	}
	i.accounts[account{id: in.ID}] = state{
		email: in.Email, name: in.Name, created: i.now(), verified: in.Verified != nil && *in.Verified,
	}
	return map[string]any{"localId": in.ID}, nil
}

func (i *IDP) update(in accountRequest) (map[string]any, error) {
	s, known := i.accounts[account{id: in.ID}]
	if !known {
		return nil, codeError("USER_NOT_FOUND")
	}
	if in.CustomAttributes != nil {
		s.claims = *in.CustomAttributes
	}
	if in.Disable != nil {
		s.disabled = *in.Disable
	}
	if in.Verified != nil {
		s.verified = *in.Verified
	}
	if in.Email != "" {
		if id, taken := i.byEmail("", in.Email); taken && id != in.ID {
			return nil, codeError("EMAIL_EXISTS")
		}
		s.email = in.Email
	}
	if seconds, err := strconv.ParseInt(in.ValidSince, 10, 64); err == nil {
		s.validSince = time.Unix(seconds, 0)
	}
	i.accounts[account{id: in.ID}] = s
	return map[string]any{"localId": in.ID}, nil
}

func (i *IDP) remove(in accountRequest) (map[string]any, error) {
	if _, known := i.accounts[account{id: in.ID}]; !known {
		return nil, codeError("USER_NOT_FOUND")
	}
	delete(i.accounts, account{id: in.ID})
	return map[string]any{}, nil
}

// link makes one that looks like Google's. Nobody serves its page: [IDP.SignIn] needs no
// password.
func (i *IDP) link(in accountRequest) (map[string]any, error) {
	if _, known := i.byEmail("", in.Email); !known {
		return nil, codeError("EMAIL_NOT_FOUND")
	}
	if in.RequestType != "PASSWORD_RESET" || !in.ReturnLink {
		return nil, codeError("INVALID_REQ_TYPE")
	}
	query := url.Values{"mode": {"resetPassword"}, "oobCode": {rand.Text()}, "lang": {"en"}}
	return map[string]any{"oobLink": "https://" + i.project + ".firebaseapp.com/__/auth/action?" + query.Encode()}, nil
}

// SignIn is the ID token of the account with an address, as its user gets it by signing
// in: with the claims that the account has now. [ErrNoSignIn].
func (i *IDP) SignIn(email string) (string, error) {
	i.mu.Lock()
	id, known := i.byEmail("", email)
	s := i.accounts[account{id: id}]
	if !known || s.disabled {
		i.mu.Unlock()
		return "", ErrNoSignIn
	}
	s.lastSignIn = i.now()
	i.accounts[account{id: id}] = s
	i.mu.Unlock()
	return i.tokenOf(id, s, map[string]any{})
}

// tokenOf is an ID token with the claims that the account has, and with those of its sign-in.
func (i *IDP) tokenOf(id string, s state, claims map[string]any) (string, error) {
	if s.claims != "" {
		if err := json.Unmarshal([]byte(s.claims), &claims); err != nil {
			return "", fmt.Errorf("the claims of the account: %w", err)
		}
	}
	return i.IDToken(Claims{UserID: id, Email: s.email, Override: claims}), nil
}

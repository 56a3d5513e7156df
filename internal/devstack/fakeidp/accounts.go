package fakeidp

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// account is a user, within an Identity Platform tenant or, with an empty one,
// directly in the project. The same id in two tenants is two users.
type account struct{ tenant, id string }

// state is what accounts:lookup says about a user.
type state struct {
	validSince time.Time
	disabled   bool
	// The following are of accounts that were created: a token alone makes none of them.
	email, name string
	verified    bool   // the address is the user's, as a mail to it has shown
	claims      string // as JSON
	created     time.Time
	lastSignIn  time.Time
}

// remember makes the user known. The caller holds mu.
func (i *IDP) remember(a account) {
	if _, known := i.accounts[a]; !known {
		i.accounts[a] = state{}
	}
}

// Revoke makes tokens of the user issued before at count as revoked. Identity
// Platform keeps whole seconds, so a token of the same second stays valid.
// FirebaseTenant is empty for users outside of Identity Platform's tenants.
func (i *IDP) Revoke(firebaseTenant, userID string, at time.Time) {
	i.change(account{firebaseTenant, userID}, func(s *state) { s.validSince = at })
}

// Disable blocks the user.
func (i *IDP) Disable(firebaseTenant, userID string) {
	i.change(account{firebaseTenant, userID}, func(s *state) { s.disabled = true })
}

// Delete forgets the user, until a token is issued again.
func (i *IDP) Delete(firebaseTenant, userID string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.accounts, account{firebaseTenant, userID})
}

func (i *IDP) change(a account, f func(*state)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.accounts[a]
	f(&s)
	i.accounts[a] = s
}

// lookup answers accounts:lookup, of the project or of one tenant, in the part
// the Admin SDK reads for a revocation check.
// https://cloud.google.com/identity-platform/docs/reference/rest/v1/projects.accounts/lookup
func (i *IDP) lookup(w http.ResponseWriter, r *http.Request) {
	var query struct {
		IDs    []string `json:"localId"`
		Emails []string `json:"email"`
	}
	if r.PathValue("project") != i.project || json.NewDecoder(r.Body).Decode(&query) != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	users := []map[string]any{}
	i.mu.Lock()
	for _, email := range query.Emails {
		if id, known := i.byEmail(r.PathValue("tenant"), email); known {
			query.IDs = append(query.IDs, id)
		}
	}
	for _, id := range query.IDs {
		if s, known := i.accounts[account{r.PathValue("tenant"), id}]; known {
			users = append(users, s.user(id))
		}
	}
	i.mu.Unlock()
	answer(w, map[string]any{"kind": "identitytoolkit#GetAccountInfoResponse", "users": users})
}

func (s state) user(id string) map[string]any {
	u := map[string]any{"localId": id, "disabled": s.disabled, "emailVerified": s.verified}
	if !s.validSince.IsZero() {
		u["validSince"] = strconv.FormatInt(s.validSince.Unix(), 10)
	}
	for member, value := range map[string]string{"email": s.email, "displayName": s.name, "customAttributes": s.claims} {
		set(u, member, value)
	}
	for member, at := range map[string]time.Time{"createdAt": s.created, "lastLoginAt": s.lastSignIn} {
		if !at.IsZero() {
			u[member] = strconv.FormatInt(at.UnixMilli(), 10)
		}
	}
	return u
}

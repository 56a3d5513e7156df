package fakeidp

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

const (
	// Signer is the service account whose custom tokens are believed.
	Signer = "licenses@local.iam.gserviceaccount.com"
	// APIKey names the project where no credentials do.
	APIKey = "local"

	customAudience = "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
)

// signIn is that of a refresh token.
type signIn struct {
	id string
	at time.Time
}

// signsIn serves what a machine signs in by: signatures of the service account, the exchange of
// a custom token, and that of the refresh token which comes of it.
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signBlob
// https://cloud.google.com/identity-platform/docs/use-rest-api
func (i *IDP) signsIn(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/projects/-/serviceAccounts/"+Signer+":signBlob", i.counted(&i.changes, i.signBlob))
	mux.HandleFunc("POST /v1/accounts:signInWithCustomToken", i.counted(&i.changes, i.signInWithCustomToken))
	mux.HandleFunc("POST /v1/token", i.counted(&i.changes, i.refresh))
}

func (i *IDP) signBlob(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Payload []byte `json:"payload"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, codeError("INVALID_ARGUMENT"))
		return
	}
	i.mu.Lock()
	key := i.services.current()
	i.mu.Unlock()
	sum := sha256.Sum256(in.Payload)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.private, crypto.SHA256, sum[:])
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, map[string]any{"keyId": key.id, "signedBlob": base64.StdEncoding.EncodeToString(signature)})
}

func (i *IDP) signInWithCustomToken(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token string `json:"token"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || r.Header.Get("X-Goog-Api-Key") != APIKey {
		refuse(w, codeError("INVALID_API_KEY"))
		return
	}
	id, ok := i.believed(in.Token)
	if !ok {
		refuse(w, codeError("INVALID_CUSTOM_TOKEN"))
		return
	}
	i.mu.Lock()
	s := i.accounts[account{id: id}] // one that is not there is made, as Google does
	if s.disabled {
		i.mu.Unlock()
		refuse(w, codeError("USER_DISABLED"))
		return
	}
	s.lastSignIn = i.now()
	i.accounts[account{id: id}] = s
	refresh := rand.Text()
	i.signIns[refresh] = signIn{id, s.lastSignIn}
	i.mu.Unlock()
	i.tokens(w, id, s, refresh, s.lastSignIn)
}

// believed is the user of a custom token that the service account has signed.
func (i *IDP) believed(token string) (id string, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return "", false
	}
	i.mu.Lock()
	key := i.services.current()
	i.mu.Unlock()
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(&key.private.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return "", false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		UserID   string `json:"uid"`
	}
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.Issuer != Signer || claims.Audience != customAudience {
		return "", false
	}
	return claims.UserID, claims.UserID != ""
}

func (i *IDP) refresh(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("refresh_token")
	known, s, err := i.refreshed(token)
	switch {
	case r.PostFormValue("grant_type") != "refresh_token":
		refuse(w, codeError("INVALID_GRANT_TYPE"))
	case err != nil:
		refuse(w, err)
	default:
		i.tokens(w, known.id, s, token, known.at)
	}
}

// refreshed is the sign-in of a refresh token that is good, and its account.
func (i *IDP) refreshed(token string) (signIn, state, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	known, there := i.signIns[token]
	s, user := i.accounts[account{id: known.id}]
	switch {
	case !there:
		return known, s, codeError("INVALID_REFRESH_TOKEN")
	case !user:
		return known, s, codeError("USER_NOT_FOUND")
	case s.disabled:
		return known, s, codeError("USER_DISABLED")
	case known.at.Unix() < s.validSince.Unix():
		return known, s, codeError("TOKEN_EXPIRED")
	}
	return known, s, nil
}

// Refresh is an ID token for a machine's refresh token, as the machine gets it at Google's
// token service. The error says in Google's words why there is none.
func (i *IDP) Refresh(token string) (string, error) {
	known, s, err := i.refreshed(token)
	if err != nil {
		return "", err
	}
	return i.tokenOf(known.id, s, custom(known.at))
}

// custom are the claims of a sign-in by a custom token.
func custom(at time.Time) map[string]any {
	return map[string]any{
		"auth_time": at.Unix(), "firebase": map[string]any{"sign_in_provider": "custom", "identities": map[string]any{}},
	}
}

// tokens answers in the words of both exchanges.
func (i *IDP) tokens(w http.ResponseWriter, id string, s state, refresh string, at time.Time) {
	token, err := i.tokenOf(id, s, custom(at))
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, map[string]any{
		"idToken": token, "refreshToken": refresh, "expiresIn": "3600",
		"id_token": token, "refresh_token": refresh, "expires_in": "3600", "token_type": "Bearer", "user_id": id,
	})
}

package identity

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// kind is what is wrong with a token, in the words of its sender's answer and of
// the log. Kinds are fixed sentences of printable ASCII without quotes, as
// error_description takes them (RFC 6750, section 3), and hold nothing of a token.
type kind string

// Wrong tokens that are somebody's mistake: each is a real credential, or the text
// of a variable, sent in place of an ID token. They are told by what the token says
// of itself, before it is verified: that can only refuse it.
const (
	notSet       kind = "The word of a variable that was never set, such as undefined or null, came in place of the ID token"
	tooLong      kind = "The token is longer than 32 KiB"
	apiKey       kind = "An API key came in place of the ID token"            //nolint:gosec // a sentence about a credential
	accessToken  kind = "An OAuth access token came in place of the ID token" //nolint:gosec // a sentence about a credential
	refreshToken kind = "A refresh token came in place of the ID token"
	customToken  kind = "A custom token came in place of the ID token" //nolint:gosec // a sentence about a credential
	cookie       kind = "A session cookie came in place of the ID token"
	licenseToken kind = "A license token came in place of the ID token"
	googleToken  kind = "An ID token of Google itself came in place of one of Identity Platform" //nolint:gosec // a sentence about a credential
	encrypted    kind = "An encrypted token (JWE) came in place of the ID token"
	otherIssuer  kind = "The token was issued by another issuer than Identity Platform"
	otherProject kind = "The ID token was issued for another project"
	unsigned     kind = "The ID token is not signed, as those of the Auth emulator are"
	otherAlg     kind = "The token is signed with another algorithm than RS256"
	notJWT       kind = "The token is not a JWT: three parts of base64url with dots between them"
	malformed    kind = "The token is damaged: a part of it is not what a JWT has there"
)

// What verification finds.
const (
	expired   kind = "The ID token has expired"
	premature kind = "The ID token is not valid yet"
	noSignIn  kind = "The ID token names no sign-in in the past"
	anonymous kind = "The ID token is of an anonymous user"
	noUser    kind = "The ID token names no user"
	revoked   kind = "The ID token was revoked"
	noAccount kind = "The user of the ID token is disabled or was deleted"
	forged    kind = "The signature of the ID token is not one of Google for this project"
)

// remedy is what the sender can do.
func (k kind) remedy() string {
	switch k {
	case expired:
		return "Get a fresh one (getIdToken of the Firebase SDKs, or the refresh token at securetoken.googleapis.com) and send the request again."
	case premature, noSignIn:
		return "Check the clock of the machine that issued it, and sign in again."
	case revoked, noAccount, anonymous, noUser:
		return "Sign in again, with an account of the organization."
	case customToken:
		return "Exchange it for an ID token first: signInWithCustomToken."
	case googleToken:
		return "Exchange it for an ID token first: signInWithCredential, or signInWithIdp."
	case refreshToken:
		return "Exchange it for an ID token first, at securetoken.googleapis.com/v1/token."
	case otherProject, unsigned:
		return "Sign in to the Identity Platform project that this service is configured for."
	case tooLong:
		return "Let fewer groups or claims into it."
	default:
		return "Send the ID token that Identity Platform gave at sign-in: getIdToken of the Firebase SDKs, or idToken of its REST answers."
	}
}

// refuse is [ErrUnauthenticated] with what was wrong, for the caller and the log.
func (k kind) refuse() error {
	return &license.UnauthenticatedError{Problem: string(k), Remedy: k.remedy()}
}

// Ends and beginnings by which one knows what is no ID token.
const (
	userIssuer   = "https://securetoken.google.com/"
	cookieIssuer = "https://session.firebase.google.com/"
	googleIssuer = "accounts.google.com"
	customAud    = "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
	licenseType  = "license+jwt"
	accessType   = "at+jwt"
	jwsParts     = 3
	jweParts     = 5
	algorithm    = "RS256"
)

// mistaken is what the bearer says it is, if that is no ID token of the project;
// empty if it may be one. Nothing is verified here, and nothing decided that
// verification would not decide.
func mistaken(bearer, project string) kind {
	if len(bearer) > maxTokenBytes {
		return tooLong
	}
	parts := strings.Split(bearer, ".")
	if k := opaque(bearer, len(parts)); k != "" {
		return k
	}
	header, claims := unverified(parts[0]), unverified(parts[1])
	if header == nil || claims == nil {
		return malformed
	}
	if k := otherUse(header, claims); k != "" {
		return k
	}
	return otherOrigin(header, claims, project)
}

// opaque tells credentials that are no JWT by their form.
func opaque(bearer string, parts int) kind {
	switch {
	case slices.Contains(unset(), strings.ToLower(bearer)):
		return notSet
	case strings.HasPrefix(bearer, "AIza"):
		return apiKey
	case strings.HasPrefix(bearer, "ya29."):
		return accessToken
	case strings.HasPrefix(bearer, "1//"), strings.HasPrefix(bearer, "AMf-"), strings.HasPrefix(bearer, "AE0u-"), strings.HasPrefix(bearer, "AOEOul"):
		return refreshToken
	case parts == jweParts:
		return encrypted
	case parts != jwsParts:
		return notJWT
	}
	return ""
}

// unset are the words that languages print for nothing, and placeholders.
func unset() []string {
	return []string{
		"undefined", "null", "none", "nil", "nan", "false", "true", "empty", "token", "id_token", "idtoken", "bearer",
		"your_token", "your-token", "your_id_token", "yourtoken", "0", "1",
	}
}

// otherUse tells JWTs that are made for something else.
func otherUse(header, claims claimSet) kind {
	typ, _ := header.text("typ")
	iss, _ := claims.text("iss")
	aud, _ := claims.text("aud")
	_, scoped := claims["scope"]
	_, scp := claims["scp"]
	switch {
	case strings.EqualFold(typ, licenseType):
		return licenseToken
	case aud == customAud:
		return customToken
	case strings.HasPrefix(iss, cookieIssuer):
		return cookie
	case iss == googleIssuer, iss == "https://"+googleIssuer:
		return googleToken
	case strings.EqualFold(typ, accessType), !strings.HasPrefix(iss, userIssuer) && (scoped || scp):
		return accessToken
	}
	return ""
}

// otherOrigin tells ID tokens that this project's Identity Platform did not sign.
func otherOrigin(header, claims claimSet, project string) kind {
	alg, _ := header.text("alg")
	iss, _ := claims.text("iss")
	switch {
	case strings.EqualFold(alg, "none"):
		return unsigned
	case alg != algorithm:
		return otherAlg
	case !strings.HasPrefix(iss, userIssuer):
		return otherIssuer
	}
	if aud, _ := claims.text("aud"); aud != project || iss != userIssuer+project {
		return otherProject
	}
	return ""
}

// unverified reads a part of a JWT as far as it can be read; nil when it is no
// JSON object.
func unverified(part string) claimSet {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil
	}
	set, _ := parseObject(raw)
	return set
}

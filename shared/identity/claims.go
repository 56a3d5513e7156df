package identity

import (
	"time"
	"unicode/utf8"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// maxClockAhead is how far Google's clock may be ahead of ours. The Admin SDK
// allows five minutes; synchronized machines need a second or two.
const maxClockAhead = time.Minute

// maxUserIDLength is Identity Platform's limit for a user id, in characters.
const maxUserIDLength = 128

// maxEmailLength is the longest address SMTP can carry (RFC 3696, erratum 1690).
const maxEmailLength = 254

// checkLifetime applies RFC 7519 section 4.1.4 without leeway at the end (the
// token is refused at exp itself) and with maxClockAhead at the start. Times
// are compared as whole seconds, so that no claim can overflow time.Time.
func (c claimSet) checkLifetime(now time.Time) error {
	exp, ok := c.seconds("exp")
	if !ok || now.Unix() >= exp {
		return expired.refuse()
	}
	latest := now.Add(maxClockAhead).Unix()
	if iat, ok := c.seconds("iat"); !ok || iat <= 0 || iat > latest {
		return premature.refuse()
	}
	return nil
}

// checkSignIn requires a sign-in in the past: auth_time is in every ID token.
// https://firebase.google.com/docs/auth/admin/verify-id-tokens
func (c claimSet) checkSignIn(now time.Time) error {
	at, ok := c.seconds("auth_time")
	if !ok || at <= 0 || at > now.Add(maxClockAhead).Unix() {
		return noSignIn.refuse()
	}
	return nil
}

// checkProvider refuses anonymous users. Where they are allowed, anybody can
// make such an account, and in a tenant of Identity Platform it would be a
// member of that organization: one wrong setting must not give the
// organization's seats away.
// https://firebase.google.com/docs/reference/node/firebase.FirebaseIdToken
func (c claimSet) checkProvider() error {
	if provider, _ := c.firebase().text("sign_in_provider"); provider == "anonymous" {
		return anonymous.refuse()
	}
	return nil
}

// endOfTrust is how long the verified token may be taken from memory: until it
// expires, and no longer than ttl.
func (c claimSet) endOfTrust(now time.Time, ttl time.Duration) time.Time {
	end := now.Add(ttl)
	if exp, _ := c.seconds("exp"); exp <= end.Unix() {
		return time.Unix(exp, 0)
	}
	return end
}

// user is the token's subject, 1–128 characters.
func (c claimSet) user() (string, error) {
	id, _ := c.text("sub")
	if n := utf8.RuneCountInString(id); n < 1 || n > maxUserIDLength {
		return "", noUser.refuse()
	}
	return id, nil
}

// caller is who the claims speak of; ErrTenant without exactly one organization.
func (c claimSet) caller(userID string) (license.Caller, error) {
	organization, err := c.organization()
	if err != nil {
		return license.Caller{}, err
	}
	return license.Caller{
		OrganizationID: organization, UserID: userID, Email: c.email(), Role: c.role(), SignedInAt: c.signedInAt(),
	}, nil
}

// signedInAt is the time that checkSignIn has judged.
func (c claimSet) signedInAt() time.Time {
	at, _ := c.seconds("auth_time")
	return time.Unix(at, 0).UTC()
}

// organization is the tenant_id custom claim or Identity Platform's own
// firebase.tenant. A claim that is present must be well formed, also when the
// other one would do: a token that contradicts itself is refused.
func (c claimSet) organization() (string, error) {
	var found string
	for _, set := range []struct {
		claims claimSet
		name   string
	}{{c, "tenant_id"}, {c.firebase(), "tenant"}} {
		if _, present := set.claims[set.name]; !present {
			continue
		}
		id, ok := set.claims.text(set.name)
		if !ok || !license.ValidID(id) || found != "" && found != id {
			return "", ErrTenant
		}
		found = id
	}
	if found == "" {
		return "", ErrTenant
	}
	return found, nil
}

// firebase is Identity Platform's own claim; empty when there is none.
func (c claimSet) firebase() claimSet {
	set, _ := parseObject(c["firebase"], "tenant")
	return set
}

// role is owner, admin or metrics if the claim says exactly that. Everything else has a
// member's rights; in particular no token can name [license.RoleService].
func (c claimSet) role() license.Role {
	name, _ := c.text("role")
	switch role := license.Role(name); role {
	case license.RoleOwner, license.RoleAdmin, license.RoleMetrics:
		return role
	default:
		return license.RoleMember
	}
}

// email is for people who read the record and decides nothing, so an unusable
// one is left out rather than refused.
func (c claimSet) email() string {
	address, _ := c.text("email")
	if len(address) > maxEmailLength {
		return ""
	}
	return address
}

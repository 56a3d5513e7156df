package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"firebase.google.com/go/v4/auth"
	"firebase.google.com/go/v4/errorutils"
	"google.golang.org/api/googleapi"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// The claims of an ID token that say what its bearer may do. shared/identity reads them.
const (
	claimOrganization = "tenant_id"
	claimRole         = "role"
	claimGroups       = "groups"
)

// maxClaims is how long an account's claims may be, in bytes of JSON
// (https://firebase.google.com/docs/auth/admin/custom-claims).
const maxClaims = 1000

// maxLookup is how many accounts Identity Platform looks up in one call.
const maxLookup = 100

// Account is what Identity Platform knows of a user.
type Account struct {
	ID, Email, Name string
	// LastSignIn is zero until the first.
	LastSignIn time.Time
	// organization and role are what the claims say: empty where the account is of no
	// organization, a member where they name no other role, as in an ID token.
	organization string
	role         license.Role
	claims       map[string]any
	// verified: the address is the user's, as a mail to it has shown. Users may change their
	// own to any that is free, which is not verified then.
	verified, disabled bool
}

// Accounts are those of one project of Identity Platform. Every method that changes
// one is given the organization whose user it is, and changes no account whose claim
// names another: license.ErrUserNotFound, as for what is not there. What cannot be asked
// is [*license.UnavailableError]. No error has an address in it.
type Accounts struct {
	client   *auth.Client
	signIns  *SignIns
	deadline time.Duration
}

// NewAccounts takes the Admin SDK's client, and what machines sign in by; nil: none does.
// The deadline is that of each call of a method, with its retries.
func NewAccounts(client *auth.Client, signIns *SignIns, deadline time.Duration) *Accounts {
	return &Accounts{client: client, signIns: signIns, deadline: deadline}
}

func (a *Accounts) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, a.deadline)
}

// Find are the accounts of these ids, by id. What is not there is left out.
func (a *Accounts) Find(ctx context.Context, ids ...string) (map[string]Account, error) {
	ctx, cancel := a.within(ctx)
	defer cancel()
	found := map[string]Account{}
	for len(ids) > 0 {
		n := min(len(ids), maxLookup)
		identifiers := make([]auth.UserIdentifier, n)
		for i, id := range ids[:n] {
			identifiers[i] = auth.UIDIdentifier{UID: id}
		}
		result, err := a.client.GetUsers(ctx, identifiers)
		if err != nil {
			return nil, fault("look up accounts", err)
		}
		for _, user := range result.Users {
			found[user.UID] = accountOf(user)
		}
		ids = ids[n:]
	}
	return found, nil
}

// FindByEmail is the account of an address; license.ErrUserNotFound.
func (a *Accounts) FindByEmail(ctx context.Context, email string) (Account, error) {
	ctx, cancel := a.within(ctx)
	defer cancel()
	user, err := a.client.GetUserByEmail(ctx, email)
	if err != nil {
		return Account{}, fault("look up an address", err)
	}
	return accountOf(user), nil
}

// Create makes the account of an invitation, without a password, and gives it its claims.
// Until it has them, an account is of no organization and opens nothing. One of that id
// and address that is there already is given them too: a create that was cut short is
// repeated so. license.ErrEmailTaken where another account has the address.
func (a *Accounts) Create(ctx context.Context, organizationID string, i license.Invitation) (Account, error) {
	if err := a.create(ctx, i); err != nil {
		return Account{}, err
	}
	return a.Set(ctx, organizationID, i.User)
}

func (a *Accounts) create(ctx context.Context, i license.Invitation) error {
	bounded, cancel := a.within(ctx)
	defer cancel()
	user := (&auth.UserToCreate{}).UID(i.ID)
	if i.Email != "" {
		user = user.Email(i.Email)
	}
	if i.Name != "" {
		user = user.DisplayName(i.Name)
	}
	_, err := a.client.CreateUser(bounded, user)
	switch {
	case err == nil:
		return nil
	case !auth.IsUIDAlreadyExists(err) && !auth.IsEmailAlreadyExists(err):
		return fault("create an account", err)
	}
	there, err := a.Find(ctx, i.ID)
	if err != nil {
		return err
	}
	if there[i.ID].Email != i.Email {
		return license.ErrEmailTaken
	}
	return nil
}

// own is the account of that id, if it may be the organization's.
func (a *Accounts) own(ctx context.Context, organizationID, id string) (Account, error) {
	found, err := a.Find(ctx, id)
	if err != nil {
		return Account{}, err
	}
	account, there := found[id]
	if !there || account.organization != "" && account.organization != organizationID {
		return Account{}, license.ErrUserNotFound
	}
	return account, nil
}

// Set gives the user's account the claims that the user has, beside those of other
// names, and lets it sign in or not. It may be repeated.
func (a *Accounts) Set(ctx context.Context, organizationID string, user license.User) (Account, error) {
	account, err := a.own(ctx, organizationID, user.ID)
	if err != nil {
		return Account{}, err
	}
	claims := account.with(organizationID, user)
	if text, err := json.Marshal(claims); err != nil || len(text) > maxClaims {
		return Account{}, &license.InvalidError{Faults: []license.Fault{{
			Field: "groups", Message: fmt.Sprintf("do not fit beside the account's other claims, %d bytes as JSON in all: shorten them", maxClaims),
		}}}
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	change := (&auth.UserToUpdate{}).CustomClaims(claims).Disabled(user.Disabled)
	if _, err := a.client.UpdateUser(ctx, user.ID, change); err != nil {
		return Account{}, fault("change an account", err)
	}
	return account, nil
}

// with are the account's claims with those of the user.
func (a Account) with(organizationID string, user license.User) map[string]any {
	claims := maps.Clone(a.claims)
	if claims == nil {
		claims = map[string]any{}
	}
	claims[claimOrganization], claims[claimRole] = organizationID, string(user.Role)
	delete(claims, claimGroups)
	if len(user.Groups) > 0 {
		claims[claimGroups] = user.Groups
	}
	return claims
}

// Delete deletes the account; one that is not there is deleted.
func (a *Accounts) Delete(ctx context.Context, organizationID, id string) error {
	_, err := a.own(ctx, organizationID, id)
	switch {
	case errors.Is(err, license.ErrUserNotFound):
		return nil
	case err != nil:
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	if err := a.client.DeleteUser(ctx, id); err != nil && !auth.IsUserNotFound(err) {
		return fault("delete an account", err)
	}
	return nil
}

// SignOut ends the account's sign-ins: none of its refresh tokens is good any more.
func (a *Accounts) SignOut(ctx context.Context, organizationID, id string) error {
	if _, err := a.own(ctx, organizationID, id); err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	if err := a.client.RevokeRefreshTokens(ctx, id); err != nil {
		return fault("sign an account out", err)
	}
	return nil
}

// Link is where the account's owner sets a password, without the one before: whoever has it
// is the user. Identity Platform lets it live for an hour, and sends it to nobody.
func (a *Accounts) Link(ctx context.Context, email string) (string, error) {
	ctx, cancel := a.within(ctx)
	defer cancel()
	link, err := a.client.PasswordResetLink(ctx, email)
	if err != nil {
		return "", fault("make a link", err)
	}
	return link, nil
}

func accountOf(user *auth.UserRecord) Account {
	account := Account{ID: user.UID, Email: user.Email, Name: user.DisplayName, claims: user.CustomClaims, role: license.RoleMember}
	account.verified, account.disabled = user.EmailVerified, user.Disabled
	if role, ok := user.CustomClaims[claimRole].(string); ok && (role == string(license.RoleOwner) || role == string(license.RoleAdmin)) {
		account.role = license.Role(role)
	}
	account.organization, _ = user.CustomClaims[claimOrganization].(string)
	if at := user.UserMetadata.LastLogInTimestamp; at > 0 {
		account.LastSignIn = time.UnixMilli(at).UTC()
	}
	return account
}

// fault is what an error of Google's libraries means. Its text stays behind: it quotes
// addresses.
func fault(doing string, err error) error {
	switch {
	case auth.IsUserNotFound(err), auth.IsEmailNotFound(err):
		return license.ErrUserNotFound
	case auth.IsEmailAlreadyExists(err):
		return license.ErrEmailTaken
	}
	cause := errors.New("no answer")
	if response := errorutils.HTTPResponse(err); response != nil {
		cause = fmt.Errorf("status %d", response.StatusCode)
	} else if answer, ok := errors.AsType[*googleapi.Error](err); ok {
		cause = fmt.Errorf("status %d", answer.Code)
	}
	return &license.UnavailableError{Backend: "identity", Err: fmt.Errorf("%s: %w", doing, cause)}
}

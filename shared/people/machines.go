package people

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"google.golang.org/api/identitytoolkit/v1"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// SignIns are what a machine's account signs in by. It has no password: the Admin SDK makes a
// custom token for it, which the service's own account signs, and Identity Platform gives a
// refresh token for that
// (https://cloud.google.com/identity-platform/docs/admin/create-custom-tokens).
type SignIns struct {
	// Project is whose accounts they are; APIKey names it to Public, as it does for the
	// programs of users.
	Project, APIKey string
	// Administrator has the service's credentials, Public has none.
	Administrator, Public *identitytoolkit.Service
}

// headerAPIKey keeps the key out of addresses, which are logged and traced.
const headerAPIKey = "X-Goog-Api-Key" //nolint:gosec // the name of a header

// errNoMachines: the operator has not said by which key machines sign in.
var errNoMachines = &license.UnavailableError{
	Backend: "identity", Err: errors.New("IDENTITY_API_KEY is not set"),
	Detail: "Machine users are not set up here. Whoever operates the service sets IDENTITY_API_KEY.",
}

// Token signs the account in, and answers the refresh token. Those of before are not good
// any more, save one of the same second; where that cannot be done, none is answered, and
// they are good still. The account must be there, because a sign-in would make it.
func (a *Accounts) Token(ctx context.Context, organizationID, id string) (string, error) {
	if a.signIns == nil {
		return "", errNoMachines
	}
	if _, err := a.own(ctx, organizationID, id); err != nil {
		return "", err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	token, at, err := a.signIn(ctx, id)
	if err != nil {
		return "", err
	}
	// By the time of the very sign-in, which is Google's: by this process's clock, the new
	// token might count as one of before.
	accounts := identitytoolkit.NewProjectsAccountsService(a.signIns.Administrator)
	_, err = accounts.Update(a.signIns.Project, &identitytoolkit.GoogleCloudIdentitytoolkitV1SetAccountInfoRequest{
		LocalId: id, ValidSince: at,
	}).Context(ctx).Do()
	if err != nil {
		return "", fault("end a machine's earlier sign-ins", err)
	}
	return token, nil
}

// signIn is a refresh token, and the time of its sign-in in seconds since 1970.
func (a *Accounts) signIn(ctx context.Context, id string) (token string, at int64, err error) {
	custom, err := a.client.CustomToken(ctx, id)
	if err != nil {
		return "", 0, fault("sign a custom token", err)
	}
	call := a.signIns.Public.Accounts.SignInWithCustomToken(&identitytoolkit.GoogleCloudIdentitytoolkitV1SignInWithCustomTokenRequest{
		Token: custom, ReturnSecureToken: true,
	})
	call.Header().Set(headerAPIKey, a.signIns.APIKey)
	answer, err := call.Context(ctx).Do()
	if err != nil {
		return "", 0, fault("sign a machine in", err)
	}
	at, ok := signedInAt(answer.IdToken)
	if !ok || answer.RefreshToken == "" {
		return "", 0, fault("sign a machine in", errors.New("the answer has no tokens"))
	}
	return answer.RefreshToken, at, nil
}

// signedInAt reads auth_time out of an ID token that came from Identity Platform itself.
func signedInAt(token string) (int64, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0, false
	}
	var claims struct {
		At int64 `json:"auth_time"`
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return 0, false
	}
	return claims.At, claims.At > 0
}

// CreateMachine makes a machine user, which has no address and is a member unless the
// invitation has another role, and answers the refresh token by which it signs in; none for a dry run, and for a repeated
// request whose machine has one: nobody knows it here. license.ErrKeyReused.
func (d *Directory) CreateMachine(
	ctx context.Context, caller license.Caller, act record.Act, i license.Invitation,
) (Person, string, error) {
	i.Machine, i.Role, i.Email = true, cmp.Or(i.Role, license.RoleMember), ""
	if err := i.Validate(); err != nil {
		return Person{}, "", err
	}
	if d.accounts.signIns == nil {
		return Person{}, "", errNoMachines
	}
	i.ID = newID(caller.OrganizationID, act, i)
	asked, err := d.record.InviteUser(ctx, caller, act, i.User)
	switch {
	case errors.Is(err, license.ErrExists):
		return Person{}, "", license.ErrKeyReused // more than a day ago
	case err != nil:
		return Person{}, "", err
	}
	made := Person{asked.Revised, Account{ID: i.ID, Name: i.Name}}
	if act.DryRun {
		return made, "", nil
	}
	if asked.Entry == "" {
		return d.created(ctx, caller, act, asked.Revised)
	}
	if made, err = d.create(ctx, caller, asked, i); err != nil {
		return made, "", err
	}
	token, err := d.accounts.Token(ctx, caller.OrganizationID, i.ID)
	return made, token, err
}

// created answers a creation that came before. Its first token may never have been made.
func (d *Directory) created(
	ctx context.Context, caller license.Caller, act record.Act, user record.Revised[license.User],
) (Person, string, error) {
	made, err := d.person(ctx, user)
	if err != nil || !made.Account.LastSignIn.IsZero() || user.Value.Disabled {
		return made, "", err
	}
	act.Key = "" // it is the creation's
	token, err := d.RotateToken(ctx, caller, act, user.Value.ID)
	return made, token, err
}

// RotateToken is another refresh token of a machine, in place of those before; none for a
// dry run. [*license.InvalidError] for a person's user, and for one that is disabled.
func (d *Directory) RotateToken(ctx context.Context, caller license.Caller, act record.Act, id string) (string, error) {
	asked, err := d.record.AskUser(ctx, caller, act, id, record.UserTokenMade)
	if err != nil || asked.Entry == "" {
		return "", err
	}
	token, err := d.accounts.Token(ctx, caller.OrganizationID, id)
	if err != nil {
		return "", err
	}
	return token, d.done(ctx, caller, asked)
}

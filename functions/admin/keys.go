package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/token"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// Keys is what the vendor's door knows of the keys that sign license tokens.
type Keys struct {
	// Record has the delegations.
	Record interface {
		SigningKeys(ctx context.Context) (record.SigningKeys, error)
	}
	// Roots lists the versions of the root key; nil where the door is not told the key.
	Roots interface {
		List(ctx context.Context) ([]token.Version, error)
	}
	// Signing and ActivationDelay are those of the functions that sign.
	Signing         token.Signing
	ActivationDelay time.Duration
}

func (f *function) keyRoutes() []web.Route {
	return []web.Route{
		web.Handle(listKeys(), f.listKeys),
		web.Handle(createKey(), f.createKey),
		web.Handle(recordKeeps(disableKey()), f.disableKey),
		web.Handle(recordKeeps(pruneKeys()), f.pruneKeys),
		web.Handle(listServiceAudit(), f.listServiceAudit),
	}
}

func exampleKeys() api.KeyList {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	return api.KeyList{
		Signing: string(token.ByDelegation),
		Delegations: []api.DelegationKey{{
			KeyID: "9dV6mBq0…", State: string(token.StateSigns), Why: "it is the newest that every cached key set has, as it is older than 10m0s",
			Since: api.NewTime(at), Until: api.NewTime(at.Add(token.DelegationLife)), Root: "license-tokens-1",
		}},
		Roots: []api.RootKey{{
			KeyID: "license-tokens-1", State: string(token.StateCertifies), Since: api.NewTime(at.AddDate(0, -1, 0)),
			Why: "it is the newest enabled version: it certifies the next signing key, and signs no license token",
		}},
	}
}

func listKeys() web.Operation {
	return web.Operation{
		ID: "listKeys", Method: http.MethodGet, Path: api.PathKeys, Access: web.AccessStaff,
		Summary: "List the keys of license tokens", Description: forVendor + "Which of them signs now, and why. Nothing in it is secret.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "All of them.", Body: exampleKeys()}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) listKeys(ctx context.Context, _ web.Call, _ struct{}) (web.Answer, error) {
	keys, err := f.Keys.Record.SigningKeys(ctx)
	if err != nil {
		return web.Answer{}, err
	}
	list := f.keysOf(keys)
	f.roots(ctx, &list)
	return web.Answer{Outcome: "listed", Body: list}, nil
}

// keysOf are the delegations as they stand now.
func (f *function) keysOf(keys record.SigningKeys) api.KeyList {
	list := api.KeyList{
		Signing: string(f.Keys.Signing), Delegations: []api.DelegationKey{}, Roots: []api.RootKey{}, Pending: keys.Urgent || keys.Asked,
	}
	for _, s := range token.Delegations(keys.Delegations, f.Keys.Signing, f.Now(), f.Keys.ActivationDelay) {
		out := api.DelegationKey{
			KeyID: s.KeyID, State: string(s.State), Why: s.Why, Since: api.NewTime(s.Since), Until: api.NewTime(s.Until), Root: s.Root,
		}
		if !s.RevokedAt.IsZero() {
			out.RevokedAt = api.NewTime(s.RevokedAt).String()
		}
		list.Delegations = append(list.Delegations, out)
	}
	return list
}

// roots adds the versions of the root key. The record's word is better than none: a KMS
// that is away keeps nobody from seeing which key signs.
func (f *function) roots(ctx context.Context, list *api.KeyList) {
	if f.Keys.Roots == nil {
		return
	}
	versions, err := f.Keys.Roots.List(ctx)
	if err != nil {
		list.RootsUnknown = true
		web.Degraded(ctx, "roots", err)
		return
	}
	for _, s := range token.Roots(versions, f.Keys.Signing, f.Now(), f.Keys.ActivationDelay) {
		list.Roots = append(list.Roots, api.RootKey{KeyID: s.KeyID, State: string(s.State), Why: s.Why, Since: api.NewTime(s.Since)})
	}
}

func createKey() web.Operation {
	return web.Operation{
		ID: "createKey", Method: http.MethodPost, Path: api.PathKeys, Access: web.AccessStaff, Query: dryRunQuery(), Headers: keyHeader(),
		Summary:     "Ask for the next signing key now",
		Description: forVendor + "The reaper makes it in its next run, within a minute or two: this door holds no right on the root key. It signs once every cached key set has it, as any key does that is made in time; one that shall sign at once takes the place of a key that is disabled. Where the root key signs each token itself there are none, and the answer is 404.",
		Answers:     []web.Documented{{Status: http.StatusAccepted, Description: "It is asked for, or would be.", Body: exampleKeys()}},
		Problems:    []api.Code{api.Forbidden, api.IdempotencyKeyReused, api.KeyNotFound},
	}
}

func (f *function) createKey(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, err := f.creation(c)
	if err == nil {
		err = f.makesKeys(ctx)
	}
	if err != nil {
		return web.Answer{}, err
	}
	keys, err := f.Record.AdministerKeys(ctx, a, record.KeyAsked, record.KeysObject, token.Ask)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Status: http.StatusAccepted, Outcome: "asked", Body: f.keysOf(keys)}, nil
}

// makesKeys: where the root key signs each token, and nobody has made another, nobody will.
func (f *function) makesKeys(ctx context.Context) error {
	if f.Keys.Signing != token.ByRoot {
		return nil
	}
	keys, err := f.Keys.Record.SigningKeys(ctx)
	if err == nil && len(keys.Delegations) == 0 {
		err = license.ErrKeyNotFound
	}
	return err
}

func keyParam() web.Param {
	return web.Param{Name: "kid", Description: "The signing key, as tokens and the key set name it.", Pattern: "^[A-Za-z0-9_-]{43}$", Missing: api.KeyNotFound}
}

func disableKey() web.Operation {
	return web.Operation{
		ID: "disableKey", Method: http.MethodPost, Path: api.PathKeyDisable, Params: []web.Param{keyParam()}, Access: web.AccessStaff, Query: dryRunQuery(),
		Summary:     "Take a signing key out of use for good",
		Description: forVendor + "When a key may be known to others. Instances sign with another one within a minute, and no longer publish it; the tokens that it signed are refused wherever the new key set has arrived, within six minutes. The reaper makes another key in its next run, which signs at once. If it was the only one, no token is signed until then, a minute or two: the reaper's own operation revokes and makes in one step. Safe to repeat.",
		Answers:     []web.Documented{{Status: http.StatusOK, Description: "It is revoked, or would be.", Body: exampleKeys()}},
		Problems:    []api.Code{api.Forbidden},
	}
}

func (f *function) disableKey(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, err := f.creation(c)
	if err != nil {
		return web.Answer{}, err
	}
	kid := c.Param("kid")
	web.Annotate(ctx, slog.String("kid", kid))
	keys, err := f.Record.AdministerKeys(ctx, a, record.KeyRevoked, record.KeyObject(kid), token.Revoke(kid, a.At))
	if errors.Is(err, token.ErrUnknownDelegation) {
		err = license.ErrKeyNotFound
	}
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Outcome: "revoked", Body: f.keysOf(keys)}, nil
}

func pruneKeys() web.Operation {
	return web.Operation{
		ID: "pruneKeys", Method: http.MethodPost, Path: api.PathKeysPrune, Access: web.AccessStaff, Query: dryRunQuery(),
		Summary:     "Forget the signing keys that have ended",
		Description: forVendor + "Those that ended a day ago or earlier: a clock that is wrong must not drop one that signs. Safe to repeat.",
		Answers:     []web.Documented{{Status: http.StatusOK, Description: "Those that are left, or would be.", Body: exampleKeys()}},
		Problems:    []api.Code{api.Forbidden},
	}
}

func (f *function) pruneKeys(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, err := f.creation(c)
	if err != nil {
		return web.Answer{}, err
	}
	keys, err := f.Record.AdministerKeys(ctx, a, record.KeysPruned, record.KeysObject, token.Prune(a.At))
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Outcome: "deleted", Body: f.keysOf(keys)}, nil
}

func listServiceAudit() web.Operation {
	op := listAudit()
	op.ID, op.Path, op.Params = "listServiceAudit", api.PathServiceAudit, nil
	op.Summary = "List who changed what is no organization's"
	op.Description = forVendor + "Signing keys, and organizations that were purged. " + howFiltered
	return op
}

func (f *function) listServiceAudit(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	return auditPage(c, func(span record.Span, after string, limit int) ([]record.Entry, error) {
		return f.Record.ServiceAudit(ctx, span, after, limit)
	})
}

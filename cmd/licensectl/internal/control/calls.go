package control

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// Organizations are all organizations, by id.
func (c *Client) Organizations(ctx context.Context) ([]api.Organization, error) {
	return pages(ctx, c, api.PathOrganizations, nil, 0, func(p api.OrganizationList) ([]api.Organization, string) {
		return p.Organizations, p.After
	})
}

// Organization is one of them as it is now.
func (c *Client) Organization(ctx context.Context, id string) (api.Organization, error) {
	return call[api.Organization](ctx, c, read(organizationPath(id)))
}

// CreateOrganization creates one. Of a dry run it is what would be.
func (c *Client) CreateOrganization(ctx context.Context, in api.OrganizationInput, dry bool) (api.Organization, error) {
	return call[api.Organization](ctx, c, create(api.PathOrganizations, in, dry))
}

// ChangeOrganization changes one if it still has that ETag.
func (c *Client) ChangeOrganization(ctx context.Context, id, etag string, patch api.OrganizationPatch, dry bool) (api.Organization, error) {
	return call[api.Organization](ctx, c, change(http.MethodPatch, organizationPath(id), etag, patch, dry))
}

// SuspendOrganizationNow changes one and ends its sessions.
func (c *Client) SuspendOrganizationNow(ctx context.Context, id, etag string, patch api.OrganizationPatch, dry bool) (api.ChangedOrganization, error) {
	return call[api.ChangedOrganization](ctx, c, atOnce(change(http.MethodPatch, organizationPath(id), etag, patch, dry)))
}

// Licenses are all licenses of an organization, by id.
func (c *Client) Licenses(ctx context.Context, organization string) ([]api.License, error) {
	return pages(ctx, c, api.LicensesPath(url.PathEscape(organization)), nil, 0, func(p api.LicenseList) ([]api.License, string) {
		return p.Licenses, p.After
	})
}

// License is one of them as it is now.
func (c *Client) License(ctx context.Context, organization, id string) (api.License, error) {
	return call[api.License](ctx, c, read(licensePath(organization, id)))
}

// CreateLicense creates one. Of a dry run it is what would be.
func (c *Client) CreateLicense(ctx context.Context, organization string, in api.LicenseInput, dry bool) (api.License, error) {
	return call[api.License](ctx, c, create(api.LicensesPath(url.PathEscape(organization)), in, dry))
}

// ChangeLicense changes one if it still has that ETag.
func (c *Client) ChangeLicense(ctx context.Context, organization, id, etag string, patch api.LicensePatch, dry bool) (api.License, error) {
	return call[api.License](ctx, c, change(http.MethodPatch, licensePath(organization, id), etag, patch, dry))
}

// SuspendLicenseNow changes one and ends its sessions.
func (c *Client) SuspendLicenseNow(ctx context.Context, organization, id, etag string, patch api.LicensePatch, dry bool) (api.ChangedLicense, error) {
	return call[api.ChangedLicense](ctx, c, atOnce(change(http.MethodPatch, licensePath(organization, id), etag, patch, dry)))
}

// DeleteLicense deletes one if it still has that ETag.
func (c *Client) DeleteLicense(ctx context.Context, organization, id, etag string, dry bool) error {
	_, err := c.send(ctx, change(http.MethodDelete, licensePath(organization, id), etag, nil, dry))
	return err
}

// SessionFilter says which sessions are meant; what is empty lets all through.
type SessionFilter struct {
	License, User, Project string
	// Machine is the machine's fingerprint, Text in any case somewhere in a session.
	Machine, State, Text string
	// Sort is one of the orders of package api; empty is the newest first.
	Sort string
}

// Sessions are an organization's sessions without a recorded end.
func (c *Client) Sessions(ctx context.Context, organization string, f SessionFilter) ([]api.LiveSession, error) {
	organization = url.PathEscape(organization)
	part := func(p api.SessionList) ([]api.LiveSession, string) { return p.Sessions, p.After }
	if f.Machine+f.Text == "" {
		query := filled(map[string]string{
			api.QueryLicense: f.License, api.QueryUser: f.User, api.QueryProject: f.Project, api.QueryState: f.State, api.QuerySort: f.Sort,
		})
		return pages(ctx, c, api.SessionsPath(organization), query, 0, part)
	}
	search := api.SessionSearch{
		LicenseID: f.License, UserID: f.User, Project: f.Project, HardwareID: f.Machine, State: f.State, Text: f.Text, Sort: f.Sort,
	}
	return collect(0, part, func(after string, size int) (api.SessionList, error) {
		search.After, search.Limit = after, size
		return call[api.SessionList](ctx, c, request{method: http.MethodPost, path: api.SessionsFindPath(organization), body: search, repeatable: true})
	})
}

// Session is one of them.
func (c *Client) Session(ctx context.Context, organization, id string) (api.LiveSession, error) {
	return call[api.LiveSession](ctx, c, read(sessionPath(organization, id)))
}

// ReleaseSession ends one. One that is over stays as it is, so it may be asked twice.
func (c *Client) ReleaseSession(ctx context.Context, organization, id string, dry bool) error {
	_, err := c.send(ctx, request{method: http.MethodDelete, path: sessionPath(organization, id), query: dryRun(dry), repeatable: true})
	return err
}

// EndSessions ends some of those that are meant, and says whether there are more. Asked
// again it goes on with the rest.
func (c *Client) EndSessions(ctx context.Context, organization string, those api.EndSessionsRequest, dry bool) (api.EndSessionsReport, error) {
	return call[api.EndSessionsReport](ctx, c, create(api.EndAllPath(url.PathEscape(organization)), those, dry))
}

// AuditFilter says which acts are meant; what is empty lets all through.
type AuditFilter struct{ Actor, Action, Object, From, To string }

func (f AuditFilter) query() url.Values {
	return filled(map[string]string{
		api.QueryActor: f.Actor, api.QueryAction: f.Action, api.QueryObject: f.Object, api.QueryFrom: f.From, api.QueryTo: f.To,
	})
}

// filled is a query of what is not empty.
func filled(all map[string]string) url.Values {
	query := url.Values{}
	for name, value := range all {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// Audit is who changed what in an organization, newest first: so many entries at most,
// or all for 0.
func (c *Client) Audit(ctx context.Context, organization string, f AuditFilter, limit int) ([]api.AuditEntry, error) {
	return pages(ctx, c, api.AuditPath(url.PathEscape(organization)), f.query(), limit, func(p api.AuditList) ([]api.AuditEntry, string) {
		return p.Entries, p.After
	})
}

// UsageQuery says which usage is meant; what is empty is left to the service.
type UsageQuery struct{ License, From, To, Step, By string }

func (q UsageQuery) read(path string) request {
	r := read(path)
	r.query = filled(map[string]string{
		api.QueryLicense: q.License, api.QueryFrom: q.From, api.QueryTo: q.To, api.QueryStep: q.Step, api.QueryBy: q.By,
	})
	return r
}

// Usage is how an organization's seats were used.
func (c *Client) Usage(ctx context.Context, organization string, q UsageQuery) (api.UsageReport, error) {
	return call[api.UsageReport](ctx, c, q.read(api.UsagePath(url.PathEscape(organization))))
}

// Denials is which requests of an organization were refused.
func (c *Client) Denials(ctx context.Context, organization string, q UsageQuery) (api.DenialReport, error) {
	return call[api.DenialReport](ctx, c, q.read(api.DenialsPath(url.PathEscape(organization))))
}

func organizationPath(id string) string { return api.OrganizationPath(url.PathEscape(id)) }

func licensePath(organization, id string) string {
	return api.LicensePath(url.PathEscape(organization), url.PathEscape(id))
}

func sessionPath(organization, id string) string {
	return api.SessionOfPath(url.PathEscape(organization), url.PathEscape(id))
}

func read(path string) request { return request{method: http.MethodGet, path: path, repeatable: true} }

// create is named by a key, so that it is done once however often it is sent.
func create(path string, in any, dry bool) request {
	return createAs(uuid.NewString(), path, in, dry)
}

func createAs(key, path string, in any, dry bool) request {
	return request{
		method: http.MethodPost, path: path, query: dryRun(dry), body: in, repeatable: true,
		header: http.Header{api.HeaderIdempotencyKey: {key}},
	}
}

// change is not repeated: done the first time, it would be refused the second, as if
// somebody else had changed it.
func change(method, path, etag string, patch any, dry bool) request {
	return request{
		method: method, path: path, query: dryRun(dry), body: patch,
		header: http.Header{api.HeaderIfMatch: {etag}},
	}
}

// atOnce has a change end sessions, and not their next heartbeat.
func atOnce(r request) request {
	query := url.Values{api.QueryNow: {"true"}}
	maps.Copy(query, r.query)
	r.query = query
	return r
}

func dryRun(dry bool) url.Values {
	if !dry {
		return nil
	}
	return url.Values{api.QueryDryRun: {"true"}}
}

// pages reads a list to its end, or to its limit.
func pages[P, T any](ctx context.Context, c *Client, path string, query url.Values, limit int, part func(P) ([]T, string)) ([]T, error) {
	return collect(limit, part, func(after string, size int) (P, error) {
		r := read(path)
		r.query = url.Values{api.QueryLimit: {strconv.Itoa(size)}}
		maps.Copy(r.query, query)
		if after != "" {
			r.query.Set(api.QueryAfter, after)
		}
		return call[P](ctx, c, r)
	})
}

// collect asks for one page behind another.
func collect[P, T any](limit int, part func(P) ([]T, string), ask func(after string, size int) (P, error)) ([]T, error) {
	list := []T{}
	for after := ""; ; {
		size := api.MaxPage
		if limit > 0 {
			size = min(size, limit-len(list))
		}
		page, err := ask(after, size)
		if err != nil {
			return nil, err
		}
		items, next := part(page)
		list = append(list, items...)
		if after = next; after == "" || limit > 0 && len(list) >= limit {
			return list, nil
		}
	}
}

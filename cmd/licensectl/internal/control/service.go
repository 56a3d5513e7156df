package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// Keys are the keys of license tokens, as they stand now.
func (c *Client) Keys(ctx context.Context) (api.KeyList, error) {
	return call[api.KeyList](ctx, c, read(api.PathKeys))
}

// CreateKey asks for the next signing key now.
func (c *Client) CreateKey(ctx context.Context, dry bool) (api.KeyList, error) {
	return call[api.KeyList](ctx, c, create(api.PathKeys, nil, dry))
}

// DisableKey takes a signing key out of use for good. It may be asked twice.
func (c *Client) DisableKey(ctx context.Context, kid string, dry bool) (api.KeyList, error) {
	return call[api.KeyList](ctx, c, post(api.KeyDisablePath(url.PathEscape(kid)), dry))
}

// PruneKeys forgets the signing keys that have ended.
func (c *Client) PruneKeys(ctx context.Context, dry bool) (api.KeyList, error) {
	return call[api.KeyList](ctx, c, post(api.PathKeysPrune, dry))
}

// ServiceAudit is who changed what is no organization's, as [Client.Audit] is.
func (c *Client) ServiceAudit(ctx context.Context, f AuditFilter, limit int) ([]api.AuditEntry, error) {
	return pages(ctx, c, api.PathServiceAudit, f.query(), limit, func(p api.AuditList) ([]api.AuditEntry, string) {
		return p.Entries, p.After
	})
}

// CheckLedger compares an organization's seat ledger with its record.
func (c *Client) CheckLedger(ctx context.Context, organization string) (api.CheckReport, error) {
	return call[api.CheckReport](ctx, c, request{method: http.MethodPost, path: api.LedgerCheckPath(url.PathEscape(organization)), repeatable: true})
}

// RebuildLedger makes the ledger anew from the record.
func (c *Client) RebuildLedger(ctx context.Context, organization string, dry bool) (api.RebuildReport, error) {
	return call[api.RebuildReport](ctx, c, post(api.LedgerRebuildPath(url.PathEscape(organization)), dry))
}

// PurgeOrganization erases as much of an organization as there is time for.
func (c *Client) PurgeOrganization(ctx context.Context, organization, confirm string, dry bool) (api.PurgeReport, error) {
	r := post(api.PurgePath(url.PathEscape(organization)), dry)
	r.body = api.PurgeRequest{Confirm: confirm}
	return call[api.PurgeReport](ctx, c, r)
}

// PurgeUser erases as much of a user as there is time for.
func (c *Client) PurgeUser(ctx context.Context, organization, id string, dry bool) (api.UserPurgeReport, error) {
	return call[api.UserPurgeReport](ctx, c, post(api.UserPurgePath(url.PathEscape(organization), url.PathEscape(id)), dry))
}

// Export is which export is meant: of an organization, or of one of its users; from the
// beginning, or from behind a cursor.
type Export struct{ Organization, User, After string }

// maxLine is far above the largest document.
const maxLine = 4 << 20

// errCut is an answer that ended before its cursor.
var errCut = errors.New("the answer ended in the middle")

// Export hands the lines of an export over, a page at a time: each page is whole, and after
// says how to go on behind it; empty, that it was the last. No more than a page is in
// memory. An answer that breaks off is asked for again behind the last page.
func (c *Client) Export(ctx context.Context, e Export, page func(lines []byte, after string) error) error {
	for failures := 0; ; {
		before := e.After
		done, err := c.exported(ctx, &e, page)
		switch {
		case done:
			return nil
		case e.After != before:
			failures = 0
		case err == nil:
			err = errCut
		}
		var refused *pageError
		if errors.As(err, &refused) {
			return refused.error
		}
		if err == nil {
			continue
		}
		failures++
		pause, again := retry(err, true, failures)
		if !again || c.wait(ctx, pause) != nil {
			return err
		}
	}
}

// pageError is what the receiver of a page has said.
type pageError struct{ error }

// Unwrap is it.
func (e *pageError) Unwrap() error { return e.error }

// exported reads one answer.
func (c *Client) exported(ctx context.Context, e *Export, page func(lines []byte, after string) error) (done bool, err error) {
	r := read(api.ExportPath(url.PathEscape(e.Organization)))
	r.query = url.Values{}
	for name, value := range map[string]string{api.QueryUser: e.User, api.QueryAfter: e.After} {
		if value != "" {
			r.query.Set(name, value)
		}
	}
	response, err := c.answered(ctx, r)
	if err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }()
	return e.pages(response.Body, page)
}

// answered is the answer to a request whose body is read as it comes.
func (c *Client) answered(ctx context.Context, r request) (*http.Response, error) {
	for {
		token, old, err := c.tokens.token(ctx)
		if err != nil {
			return nil, err
		}
		response, err := c.open(ctx, r, token)
		if err != nil {
			return nil, err
		}
		err = api.CheckResponse(response)
		if err == nil {
			return response, nil
		}
		_ = response.Body.Close()
		if p, ok := errors.AsType[*api.Problem](err); !old || !ok || p.Status != http.StatusUnauthorized {
			return nil, err
		}
		c.tokens.drop(token)
	}
}

// pages cuts an answer into pages.
func (e *Export) pages(body io.Reader, page func(lines []byte, after string) error) (done bool, err error) {
	in := bufio.NewScanner(body)
	in.Buffer(nil, maxLine)
	var gathered bytes.Buffer
	for in.Scan() {
		var line struct{ Kind, After string }
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			return false, fmt.Errorf("a line is not what this version reads: %w", err)
		}
		if line.Kind != api.ExportCursor {
			gathered.Write(in.Bytes())
			gathered.WriteByte('\n')
		}
		if line.Kind != api.ExportCursor && line.Kind != api.ExportEnd {
			continue
		}
		if err := page(gathered.Bytes(), line.After); err != nil {
			return false, &pageError{err}
		}
		gathered.Reset()
		if e.After = line.After; line.Kind == api.ExportEnd {
			return true, nil
		}
	}
	return false, in.Err()
}

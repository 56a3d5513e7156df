package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func exportOrganization() web.Operation {
	return web.Operation{
		ID: "exportOrganization", Method: http.MethodGet, Path: api.PathExport, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Query: []web.Param{
			{Name: api.QueryAfter, Description: "The after of the last cursor; absent for the beginning."},
			{Name: api.QueryUser, Description: "What is known of this user alone."},
		},
		Summary:     "Read all that is known of an organization, or of one of its users",
		Description: forVendor + "A JSON document on each line: the organization, its licenses, users, sessions, usage by the hour, and audit; of a user the user, its sessions, and the entries of acts on it and by it. A line of kind cursor says how to go on behind it, in another request, and one of kind end that there is no more; an answer ends behind one of them. The audit says who asked for it.",
		Answers: []web.Documented{{
			Status: http.StatusOK, Description: "Lines.", ContentType: api.ContentTypeNDJSON,
			Body: api.ExportLine{Kind: api.ExportCursor, After: "sessions:3f-" + exampleLive().SessionID},
		}},
		Problems: []api.Code{api.Forbidden, api.UserNotFound},
	}
}

// exportPage is how many documents of the record are in memory at a time.
const exportPage = 200

// part is one kind of documents, a page at a time.
type part struct {
	name string
	page func(ctx context.Context, after string) (lines, error)
}

// lines are a page. There are more behind last, unless that is empty.
type lines struct {
	all  []api.ExportLine
	last string
}

// export is where an export is.
type export struct {
	parts []part
	after string
}

func (f *function) exportOrganization(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	e, err := f.beginExport(ctx, c)
	if err != nil {
		return web.Answer{}, err
	}
	first, err := e.next(ctx)
	if err != nil {
		return web.Answer{}, afterAny(err)
	}
	out := c.Stream(api.ContentTypeNDJSON)
	soon, cancel := half(ctx)
	defer cancel()
	for page := first; ; {
		if err := write(out, page); err != nil {
			return web.Answer{}, err
		}
		if len(e.parts) == 0 || soon.Err() != nil {
			return web.Answer{Outcome: "exported"}, nil
		}
		if page, err = e.next(ctx); err != nil {
			// What was sent ends with a cursor: who goes on there is told what is wrong.
			if ctx.Err() == nil {
				web.Degraded(ctx, "export", err)
			}
			return web.Answer{Outcome: "exported"}, nil
		}
	}
}

// half is ctx with half of its time: what is begun within it may still finish.
func half(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}

// write sends a page as lines.
func write(out *web.Stream, page []api.ExportLine) error {
	var text bytes.Buffer
	j := json.NewEncoder(&text)
	j.SetEscapeHTML(false)
	for _, line := range page {
		if err := j.Encode(line); err != nil {
			return err
		}
	}
	_, err := out.Write(text.Bytes())
	return err
}

// next is the next page, with a cursor or the end behind it.
func (e *export) next(ctx context.Context) ([]api.ExportLine, error) {
	now := e.parts[0]
	page, err := now.page(ctx, e.after)
	if err != nil {
		return nil, err
	}
	if e.after = page.last; e.after == "" {
		e.parts = e.parts[1:]
	}
	if len(e.parts) == 0 {
		return append(page.all, api.ExportLine{Kind: api.ExportEnd}), nil
	}
	return append(page.all, api.ExportLine{Kind: api.ExportCursor, After: e.parts[0].name + ":" + e.after}), nil
}

// beginExport judges the request, and notes in the audit who exports: of one that goes on
// as well, since a cursor can be made up.
func (f *function) beginExport(ctx context.Context, c web.Call) (*export, error) {
	user := c.Query.Get(api.QueryUser)
	e := &export{parts: f.exported(c)}
	if user != "" {
		e.parts = f.exportedUser(c, user)
	}
	if err := e.goOn(c.Query.Get(api.QueryAfter)); err != nil {
		return nil, err
	}
	action, object := record.OrganizationExported, record.OrganizationObject(caller(c).OrganizationID)
	if user != "" {
		if err := f.knows(ctx, c, user); err != nil {
			return nil, err
		}
		action, object = record.UserExported, record.UserObject(caller(c).OrganizationID, user)
	}
	_, err := f.Record.AddEntry(ctx, caller(c), record.Act{Actor: c.Caller.UserID, At: f.Now()}, action, object, "")
	return e, err
}

// goOn moves the export to a cursor.
func (e *export) goOn(cursor string) error {
	if cursor == "" {
		return nil
	}
	name, after, _ := strings.Cut(cursor, ":")
	for len(e.parts) > 0 && e.parts[0].name != name {
		e.parts = e.parts[1:]
	}
	if e.after = after; len(e.parts) == 0 {
		return noPosition()
	}
	return nil
}

// knows reports whether there is anything of a user.
func (f *function) knows(ctx context.Context, c web.Call, user string) error {
	found, err := f.Record.Contents(ctx, caller(c), user)
	if err == nil && found.Users+found.Sessions+found.Audit == 0 {
		err = license.ErrUserNotFound
	}
	return err
}

// afterAny: a position that cannot be one was made up.
func afterAny(err error) error {
	for _, missing := range []error{license.ErrLicenseNotFound, license.ErrUserNotFound, license.ErrSessionNotFound, record.ErrEntryNotFound} {
		if errors.Is(err, missing) {
			return noPosition()
		}
	}
	return err
}

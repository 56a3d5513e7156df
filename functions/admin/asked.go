package admin

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func pageQuery() []web.Param {
	return []web.Param{
		{Name: api.QueryAfter, Description: "The after of the page before; absent for the first."},
		{Name: api.QueryLimit, Description: fmt.Sprintf("How many, 1 to %d; %d, if absent.", api.MaxPage, api.DefaultPage)},
	}
}

func dryRunQuery() []web.Param {
	return []web.Param{{Name: api.QueryDryRun, Description: "true: answer what would be, and write nothing.", Enum: []any{"true", "false"}}}
}

func keyHeader() []web.Param {
	return []web.Param{{
		Name:        api.HeaderIdempotencyKey,
		Description: "A name of the request, 1 to 255 printable characters of ASCII: sent again with the same name within 24 hours, it is answered as the first time, or goes on where that said more. One that is answered with a secret is refused then: a secret is told once.",
	}}
}

func matchHeader() []web.Param {
	return []web.Param{{Name: api.HeaderIfMatch, Description: "The ETag that the change was made for. It is required."}}
}

func invalid(field, message string) error {
	return &web.InvalidRequestError{Errors: []api.FieldError{{Field: field, Message: message}}}
}

// oneOf is the fault of a field that may have one of some words alone; none of an empty one.
func oneOf(field, value string, words []string) []api.FieldError {
	if value == "" || slices.Contains(words, value) {
		return nil
	}
	return []api.FieldError{{Field: field, Message: "is not one of " + strings.Join(words, ", ") + ": send one of them, or leave it out"}}
}

// page is which part of a list is asked for.
type page struct {
	after string
	limit int
}

// pageOf reads it. A position that cannot be one of the list's was made up: the list must
// not go on from there as if it were.
func pageOf(c web.Call, position func(string) bool) (page, error) {
	p := page{after: c.Query.Get(api.QueryAfter), limit: api.DefaultPage}
	if p.after != "" && !position(p.after) {
		return page{}, noPosition()
	}
	if text := c.Query.Get(api.QueryLimit); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > api.MaxPage {
			return page{}, invalid(api.QueryLimit, fmt.Sprintf("is no number from 1 to %d: send one", api.MaxPage))
		}
		p.limit = n
	}
	return p, nil
}

// looked is for lists whose record looks a position up.
func looked(string) bool { return true }

// cut is a list without the one more that was asked for, and whether there was one.
func cut[T any](list []T, p page) ([]T, bool) {
	return list[:min(len(list), p.limit)], len(list) > p.limit
}

// afterError: what cannot be a position was made up.
func afterError(err, missing error) error {
	if errors.Is(err, missing) {
		return noPosition()
	}
	return err
}

func noPosition() error {
	return invalid(api.QueryAfter, "is no position in this list: send the after of a page, or leave it out")
}

// act is what the request does, in the name of its caller: staff are known by their
// address. Of a user it is the id: anybody can give an account an address that is
// somebody else's, and the audit would name that one.
func (f *function) act(c web.Call) (record.Act, error) {
	a := record.Act{Actor: c.Caller.UserID, At: f.Now()}
	switch dry := c.Query[api.QueryDryRun]; {
	case len(dry) == 0 || dry[0] == "false":
	case dry[0] == "true":
		a.DryRun = true
	default:
		return record.Act{}, invalid(api.QueryDryRun, "is not true or false: send one of them")
	}
	return a, nil
}

// creation is act, with the idempotency key: of what the record makes once for a key.
func (f *function) creation(c web.Call) (record.Act, error) {
	a, err := f.act(c)
	if err != nil {
		return record.Act{}, err
	}
	a.Key, err = c.Header(api.HeaderIdempotencyKey)
	if err != nil {
		return record.Act{}, err
	}
	printable := func(r rune) bool { return r < '!' || r > '~' }
	sent := c.HasHeader(api.HeaderIdempotencyKey)
	if sent && a.Key == "" || len(a.Key) > 255 || strings.ContainsFunc(a.Key, printable) {
		return record.Act{}, invalid(api.HeaderIdempotencyKey, "is not 1 to 255 printable characters of ASCII: send such a name")
	}
	return a, nil
}

// change is act, with the revision that If-Match names. What is no single strong
// entity tag names no revision that there is: it cannot be compared.
func (f *function) change(c web.Call) (record.Act, string, error) {
	a, err := f.act(c)
	if err != nil {
		return record.Act{}, "", err
	}
	tag, err := c.Header(api.HeaderIfMatch)
	switch {
	case err != nil:
		return record.Act{}, "", err
	case tag == "":
		return record.Act{}, "", web.ErrNoRevision
	case len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"':
		return a, "", nil
	}
	return a, tag[1 : len(tag)-1], nil
}

// done tells this process that an organization was changed.
func (f *function) done(a record.Act, organizationID string) {
	if !a.DryRun {
		f.Entitlements.Forget(organizationID)
	}
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func statusOr(status string) license.Status {
	if status == "" {
		return license.StatusActive
	}
	return license.Status(status)
}

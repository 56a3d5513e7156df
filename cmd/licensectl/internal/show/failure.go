package show

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
)

// Failure is what did not work, and where to look.
type Failure struct {
	// Doing is what was tried, such as "create license acme/pro".
	Doing string
	// Look is the command that shows what is there.
	Look string
	Err  error
}

// Error is the whole of it on one line.
func (f *Failure) Error() string { return "cannot " + f.Doing + ": " + f.Err.Error() }

// Unwrap is why.
func (f *Failure) Unwrap() error { return f.Err }

// Error prints an error as people need it: what was tried, what is wrong with each field,
// what to do, and the request's id for support. Of several it prints one after the other.
func Error(out io.Writer, err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			Error(out, one)
		}
		return
	}
	p, ok := errors.AsType[*api.Problem](err)
	if !ok {
		_, _ = fmt.Fprintln(out, "licensectl: "+err.Error())
		return
	}
	first := p.Title
	f, ok := errors.AsType[*Failure](err)
	if ok {
		first = "cannot " + f.Doing + ": " + p.Title
	}
	lines := []string{"licensectl: " + first, cmp.Or(staff(p.Code), p.Detail)}
	for _, e := range p.Errors {
		lines = append(lines, strings.TrimPrefix(e.Field+": ", ": ")+e.Message)
	}
	if _, uncertain := errors.AsType[*control.UncertainError](err); uncertain {
		lines = append(lines, "It may have been done all the same: look before you repeat it.")
	}
	if f != nil && f.Look != "" && p.Status != http.StatusBadRequest && p.Status != http.StatusNotFound {
		lines = append(lines, "Look: "+f.Look)
	}
	if p.Instance != "" {
		lines = append(lines, "Request: "+p.Instance)
	}
	_, _ = fmt.Fprintln(out, strings.Join(lines, "\n  "))
}

// staff is what a problem means to the vendor, where its own words are for a customer.
func staff(c api.Code) string {
	switch c {
	case api.OrganizationNotFound:
		return "There is no organization with this id: licensectl org list shows those there are."
	case api.LicenseNotFound:
		return "The organization has no license with this id: licensectl license list shows those there are."
	case api.Unauthenticated, api.Forbidden:
		return "The service does not take this account's token: licensectl doctor says what is wrong with it."
	case api.NotFound:
		return "The endpoint does not serve this: check --endpoint, and that the service has what it needs for it (docs/operators.md)."
	case api.KeyNotFound:
		return "There is no signing key of this name: licensectl key list shows those there are. Where the root key signs there are none."
	case api.DeliveryNotFound:
		return "The webhook has no delivery with this id: licensectl webhook deliveries --limit 0 shows those there are. They are kept for 30 days."
	default:
		return ""
	}
}

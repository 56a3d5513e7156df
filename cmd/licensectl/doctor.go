package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/control"
)

// worryingDifference of the clocks is far from where tokens are refused for it, and
// more than a clock that is kept ever has.
const worryingDifference = 30 * time.Second

var errUnwell = errors.New("something is in the way; see above")

type doctorCommand struct{}

// finding is what was found of something, with a remedy if it is not well.
type finding struct{ what, found, remedy string }

// Run examines one thing after the other, until one of them makes the next ones vain.
func (doctorCommand) Run(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	for _, examine := range []func(context.Context, *control.Client) []finding{endpoint, token, answers} {
		if !tell(a.out, examine(ctx, c)) {
			return errUnwell
		}
	}
	return nil
}

// tell prints findings, and whether all of them are well.
func tell(out io.Writer, findings []finding) bool {
	well := true
	for _, f := range findings {
		if f.remedy == "" {
			_, _ = fmt.Fprintf(out, "ok   %-9s %s\n", f.what, f.found)
			continue
		}
		well = false
		_, _ = fmt.Fprintf(out, "BAD  %-9s %s\n     %-9s %s\n", f.what, f.found, "do:", f.remedy)
	}
	return well
}

// endpoint: something answers there, and its clock goes as ours.
func endpoint(ctx context.Context, c *control.Client) []finding {
	asked := time.Now()
	at, err := c.Probe(ctx)
	if err != nil {
		return []finding{{"endpoint", err.Error(), unreachable(err)}}
	}
	// The header has whole seconds, and was written somewhere between.
	return []finding{{what: "endpoint", found: c.Endpoint() + " answers"}, clock(at, asked, time.Now())}
}

// clock compares the service's time with when it was asked and had answered.
func clock(at, asked, answered time.Time) finding {
	difference := max(asked.Add(-time.Second).Sub(at), at.Sub(answered), 0).Round(time.Second)
	f := finding{what: "clock", found: fmt.Sprintf("differs by %s", difference)}
	if difference >= worryingDifference {
		f.remedy = "set this machine's clock (timedatectl set-ntp true): tokens are refused when clocks differ by minutes"
	}
	return f
}

func unreachable(err error) string {
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return "check the endpoint's name, and that this machine is online"
	case errors.Is(err, context.DeadlineExceeded):
		return "nothing answers in time: check the network between, a proxy or a VPN"
	}
	return "check that the service runs at this address (go run ./cmd/local starts the local stack), and that no proxy is between"
}

// token: there is one.
func token(ctx context.Context, c *control.Client) []finding {
	if err := c.Authenticate(ctx); err != nil {
		return []finding{{"token", err.Error(), "sign in (gcloud auth login), or name a service account's file by GOOGLE_APPLICATION_CREDENTIALS; a command that gives the token (--identity-token-command) can be run by hand"}}
	}
	return []finding{{what: "token", found: "there is one"}}
}

// answers: the API takes the token.
func answers(ctx context.Context, c *control.Client) []finding {
	if err := c.Ping(ctx); err != nil {
		return []finding{{"api", err.Error(), refused(err)}}
	}
	return []finding{{what: "api", found: "it takes the token and answers"}}
}

// refused is what to do about an answer of the API. Where it is no document of the
// service's, what stands before the service has sent it.
func refused(err error) string {
	p, ok := errors.AsType[*api.Problem](err)
	switch {
	case !ok:
		return "try again; if it stays so, look into the service's log"
	case p.Status == http.StatusUnauthorized:
		return "the token must be bound to this endpoint, and not be old: see --identity-token-command and --impersonate"
	case p.Status == http.StatusForbidden && p.Code == "":
		return "Cloud Run's IAM check refuses the account: grant it roles/run.invoker on the service"
	case p.Status == http.StatusForbidden:
		return "the account is not of the vendor's staff: have it added to the service's settings"
	case p.Status == http.StatusNotFound:
		return "this service has no API for the vendor: check --endpoint"
	case p.Retryable:
		return "try again; if it stays so, look into the service's log for request " + p.Instance
	}
	return "look into the service's log for request " + p.Instance
}

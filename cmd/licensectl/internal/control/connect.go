package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// LocalEndpoint is where the local stack listens unless it is told otherwise.
const LocalEndpoint = "http://127.0.0.1:8080"

// audiencePlace stands for the audience in a command that prints ID tokens.
const audiencePlace = "{audience}"

// commandTimeout is enough for gcloud, which takes seconds to start.
const commandTimeout = time.Minute

// CheckEndpoint is an endpoint without a slash at its end. An ID token goes over TLS or
// stays on this machine; that of the local stack never leaves it.
func CheckEndpoint(text string, local bool) (string, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the endpoint is no address: say scheme and host alone, such as https://control.example.com")
	case local && !loopback(u.Hostname()):
		return "", errors.New("the local stack is on this machine: leave --local out, or name an endpoint such as " + LocalEndpoint)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "", errors.New("the endpoint must begin with https://, because the ID token goes there")
	}
	return u.String(), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// LocalToken asks the local stack for an ID token of its staff.
func LocalToken(endpoint string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/dev/staff-token", strings.NewReader("{}"))
		if err != nil {
			return "", err
		}
		text, err := answer(newHTTP().Do(r)) //nolint:bodyclose // answer closes it
		if err != nil {
			return "", fmt.Errorf("the local stack gives no token (go run ./cmd/local starts it): %w", err)
		}
		var out struct {
			Token string `json:"id_token"`
		}
		if json.Unmarshal(text, &out) != nil || out.Token == "" {
			return "", errors.New("what answers is no local stack: it gives no token")
		}
		return out.Token, nil
	}
}

// TokenCommand are the words of a command that prints an ID token for an audience. No
// shell reads them.
func TokenCommand(command, audience, impersonate string) []string {
	words := strings.Fields(strings.ReplaceAll(command, audiencePlace, audience))
	if impersonate != "" {
		// Without its address in it the service would not know whose token it is.
		words = append(words, "--impersonate-service-account="+impersonate, "--include-email")
	}
	return words
}

// CommandToken runs a command that prints an ID token. What it prints is shown nowhere;
// what it says to the standard error only if it fails.
func CommandToken(words []string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if len(words) == 0 {
			return "", errors.New("no command gives an ID token: set --identity-token-command")
		}
		ctx, cancel := context.WithTimeout(ctx, commandTimeout)
		defer cancel()
		var said bytes.Buffer
		command := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the person's own setting
		command.Stderr = &said
		printed, err := command.Output()
		if err != nil {
			return "", fmt.Errorf("%s gives no ID token: %w\n%s", words[0], err, advice(said.String()))
		}
		token := strings.TrimSpace(string(printed))
		if token == "" || strings.ContainsAny(token, " \t\r\n") {
			return "", fmt.Errorf("%s printed no ID token: it must print one line with nothing else", words[0])
		}
		return token, nil
	}
}

// advice is what the command said, and what to do about the refusal that people meet
// first: gcloud binds tokens to an audience for service accounts alone.
// https://cloud.google.com/sdk/gcloud/reference/auth/print-identity-token
func advice(said string) string {
	said = strings.TrimSpace(said)
	if strings.Contains(said, "--audiences") {
		said += "\nA person's account gets no such token: name a service account that you may act as with --impersonate (docs/operators.md)."
	}
	return said
}

// Probe asks the endpoint whether it is there, without a token, and returns the time
// that it says. Any answer counts: where an IAM check stands before it, it is a refusal.
func (c *Client) Probe(ctx context.Context) (time.Time, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoint+api.PathLive, http.NoBody)
	if err != nil {
		return time.Time{}, err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return time.Time{}, err
	}
	_ = response.Body.Close()
	at, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return time.Time{}, errors.New("the answer does not say when it was made")
	}
	return at, nil
}

// Ping asks the API for as little as it answers.
func (c *Client) Ping(ctx context.Context) error {
	r := read(api.PathOrganizations)
	r.query = url.Values{api.QueryLimit: {"1"}}
	_, err := call[api.OrganizationList](ctx, c, r)
	return err
}

// Authenticate gets the ID token.
func (c *Client) Authenticate(ctx context.Context) error {
	_, _, err := c.tokens.token(ctx)
	return err
}

package identity

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	cloudauth "cloud.google.com/go/auth"
	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/auth"
	"google.golang.org/api/option"
	"google.golang.org/api/transport"
)

// The Admin SDK gives no way to choose the client that fetches certificates:
// auth.Client builds one from a clone of [http.DefaultTransport] and ignores
// option.WithHTTPClient for it (token_verifier.go, newIDTokenVerifier;
// google.golang.org/api/transport/http, defaultBaseTransport). Left alone, that
// client has no timeout, and its key cache forgets the keys before it asks
// for new ones, under one mutex: a certificate server that hangs stops every
// request of the instance. So, for the moment in which the SDK's client is
// built, the default transport is one that dials into a keyCache.

// keysHost is where both key documents live.
const keysHost = "www.googleapis.com"

// defaultTransport serializes the exchange of http.DefaultTransport, which is
// the process's own global.
var defaultTransport sync.Mutex //nolint:gochecknoglobals // guards a global

// newAdminClient builds the SDK's client with keys as its only source of
// certificates and rpc for everything else. It does no network I/O: credentials
// are given, because the SDK would otherwise look for some to sign with.
func newAdminClient(ctx context.Context, projectID string, keys *keyCache, rpc *http.Client) (*auth.Client, error) {
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: projectID},
		option.WithHTTPClient(rpc), option.WithAuthCredentials(noCredentials()))
	if err != nil {
		return nil, err
	}
	defaultTransport.Lock()
	defer defaultTransport.Unlock()
	original := http.DefaultTransport
	defer func() { http.DefaultTransport = original }()
	http.DefaultTransport = keys.transport(original)
	return app.Auth(ctx)
}

// newRPCClient is the client for revocation checks, credentials included. Its
// scopes are those of Identity Platform's accounts:lookup.
// https://cloud.google.com/identity-platform/docs/reference/rest/v1/projects.accounts/lookup
func newRPCClient(ctx context.Context, options []option.ClientOption) (*http.Client, error) {
	scopes := option.WithScopes("https://www.googleapis.com/auth/identitytoolkit", "https://www.googleapis.com/auth/cloud-platform")
	client, _, err := transport.NewHTTPClient(ctx, append([]option.ClientOption{scopes}, options...)...)
	return client, err
}

// refusingClient is for a verifier that makes no calls beside fetching keys.
func refusingClient() *http.Client { return &http.Client{Transport: refuser{}} }

type refuser struct{}

// RoundTrip implements [http.RoundTripper]; it always fails.
func (refuser) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("this verifier makes no calls")
}

func noCredentials() *cloudauth.Credentials {
	return cloudauth.NewCredentials(&cloudauth.CredentialsOptions{TokenProvider: noTokens{}})
}

type noTokens struct{}

// Token implements [cloudauth.TokenProvider]; it always fails.
func (noTokens) Token(context.Context) (*cloudauth.Token, error) {
	return nil, errors.New("this client has no credentials")
}

// transport is base, save that TLS connections to keysHost end in this cache.
// Other code that takes the default transport in that moment gets its usual
// connections to every other host.
func (k *keyCache) transport(base http.RoundTripper) *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	if b, ok := base.(*http.Transport); ok {
		t = b.Clone()
	}
	proxy, dialTLS := t.Proxy, t.DialTLSContext
	if dialTLS == nil {
		dialTLS = (&tls.Dialer{Config: t.TLSClientConfig}).DialContext
	}
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Host == keysHost || proxy == nil {
			// A proxied request would not be dialed below.
			return nil, nil //nolint:nilnil // net/http's word for no proxy
		}
		return proxy(r)
	}
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == keysHost+":443" {
			return k.dial()
		}
		return dialTLS(ctx, network, address)
	}
	return t
}

// serve answers one request on conn and closes it, so that nothing is left
// running between fetches.
func (k *keyCache) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(2 * k.rules.Deadline)) // a reader that never asks
	defer context.AfterFunc(k.lifetime, func() { _ = conn.Close() })()
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	req.URL.Scheme, req.URL.Host = "https", req.Host
	resp, err := k.RoundTrip(req.WithContext(k.lifetime)) //nolint:bodyclose // Write closes it
	if err != nil {
		resp = &http.Response{StatusCode: http.StatusServiceUnavailable, ProtoMajor: 1, ProtoMinor: 1, Request: req}
	}
	resp.Close = true
	_ = resp.Write(conn) // the reader sees a broken connection and reports it
}

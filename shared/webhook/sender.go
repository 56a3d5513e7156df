package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"code.dny.dev/ssrf"
)

const (
	// dialLimit bounds the way to a receiver: names, connection, and each half of TLS.
	dialLimit = 5 * time.Second
	// SendLimit bounds one attempt as a whole.
	SendLimit = 15 * time.Second
	// answerLimit is how much of an answer's body is read, so that the connection can be
	// used again; none of it is kept.
	answerLimit = 16 << 10
	// headerLimit bounds the header of an answer.
	headerLimit = 16 << 10
)

// Failure says in a word why an attempt had no answer. The answers themselves and the
// errors of the network are kept nowhere: they would tell a customer what the service
// can see.
type Failure string

// The failures.
const (
	// FailureAddress: the address may not be called.
	FailureAddress Failure = "address_not_allowed"
	// FailureName: the host's name has no address.
	FailureName Failure = "name_not_found"
	// FailureTimeout: the receiver took too long.
	FailureTimeout Failure = "timeout"
	// FailureTLS: its certificate is not valid, or it does not speak TLS 1.2 or later.
	FailureTLS Failure = "tls"
	// FailureConnection: it was not reached, or hung up.
	FailureConnection Failure = "connection"
)

// guardian decides about addresses, after a name was resolved and for the very address
// that is dialled: a name that resolves to something else the next time gains nothing.
// It refuses all that the registries of IANA call special (private, loopback,
// link-local, metadata, shared and documentation ranges, IPv4 within IPv6).
func (p Policy) guardian() *ssrf.Guardian {
	if p.Local {
		return ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("127.0.0.1/32")))
	}
	return ssrf.New(ssrf.WithPorts(ports()...))
}

// Sender sends events. It is safe for concurrent use.
type Sender struct {
	policy Policy
	client *http.Client
}

// SenderOptions are the settings of [NewSender].
type SenderOptions struct {
	Policy Policy
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
	// Roots have signed the certificates of receivers; nil are the system's.
	Roots *x509.CertPool
}

// NewSender makes a sender. Close it.
func NewSender(o SenderOptions) *Sender {
	dialer := newDialer(o.Policy.guardian(), o.Resolver)
	return &Sender{policy: o.Policy, client: &http.Client{
		Timeout: SendLimit,
		// A redirect would be to an address that nobody has looked at.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			// No proxy, whatever the environment says: it would dial in our place.
			Proxy: nil, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			TLSHandshakeTimeout: dialLimit, ResponseHeaderTimeout: SendLimit,
			MaxResponseHeaderBytes: headerLimit, IdleConnTimeout: SendLimit, MaxIdleConnsPerHost: 1,
		},
	}}
}

// newDialer asks the guardian about each address that it dials, after the name was
// resolved.
func newDialer(g *ssrf.Guardian, r *net.Resolver) *net.Dialer {
	return &net.Dialer{Timeout: dialLimit, Resolver: r, Control: g.Safe}
}

// Close ends the connections that are kept.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send posts a body and answers the receiver's status; 0 and why, if there was none.
func (s *Sender) Send(ctx context.Context, url string, header http.Header, body []byte) (status int, why Failure) {
	if s.policy.CheckURL(url) != "" {
		return 0, FailureAddress
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, FailureAddress
	}
	request.Header = header
	response, err := s.client.Do(request)
	if err != nil {
		return 0, failureOf(err)
	}
	_, _ = io.CopyN(io.Discard, response.Body, answerLimit) // what it says decides nothing
	_ = response.Body.Close()
	return response.StatusCode, ""
}

func failureOf(err error) Failure {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var network net.Error
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedPort), errors.Is(err, ssrf.ErrProhibitedNetwork):
		return FailureAddress
	case errors.As(err, &name) && !name.IsTimeout:
		return FailureName
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert):
		return FailureTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return FailureTimeout
	}
	return FailureConnection
}

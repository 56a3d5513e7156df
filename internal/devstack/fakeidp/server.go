package fakeidp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Google's hosts and paths that are answered here.
const (
	keysHost     = "www.googleapis.com"
	accountsHost = "identitytoolkit.googleapis.com"
	signerHost   = "iamcredentials.googleapis.com"
	refreshHost  = "securetoken.googleapis.com"

	certificatesPath = "/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
	keySetPath       = "/oauth2/v3/certs"
	accountsPath     = "/v1/projects/{project}/accounts:lookup"
	tenantPath       = "/v1/projects/{project}/tenants/{tenant}/accounts:lookup"
)

// Handler serves the certificates, accounts and sign-ins of machines under Google's paths,
// whatever the host.
func (i *IDP) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+certificatesPath, i.publish(func() any { return i.users.certificates() }))
	mux.HandleFunc("GET "+keySetPath, i.publish(func() any { return i.services.keySet() }))
	mux.HandleFunc("POST "+accountsPath, i.counted(&i.lookups, i.lookup))
	mux.HandleFunc("POST "+tenantPath, i.counted(&i.lookups, i.lookup))
	i.administer(mux)
	i.signsIn(mux)
	return mux
}

// Client answers requests to Google's addresses out of [IDP.Handler] and fails
// all others. It opens no connection.
func (i *IDP) Client() *http.Client { return &http.Client{Transport: transport{i.Handler()}} }

// ClientAt is [IDP.Client] for another process: requests to Google's addresses
// go to the [IDP.Handler] that listens at addr (host:port), all others fail.
func ClientAt(addr string) *http.Client {
	return &http.Client{Transport: elsewhere{addr: addr, next: &http.Transport{}}}
}

type elsewhere struct {
	addr string
	next *http.Transport
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] calls.
func (e elsewhere) CloseIdleConnections() { e.next.CloseIdleConnections() }

// RoundTrip implements [http.RoundTripper].
func (e elsewhere) RoundTrip(req *http.Request) (*http.Response, error) {
	if !googles(req) {
		return nil, fmt.Errorf("fakeidp: %s is not Google's", req.URL.Host)
	}
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host = "http", e.addr
	return e.next.RoundTrip(req)
}

// googles reports whether a request is for an address answered here.
func googles(req *http.Request) bool {
	return req.URL.Scheme == "https" && slices.Contains([]string{keysHost, accountsHost, signerHost, refreshHost}, req.URL.Host)
}

// publish serves what document makes, which runs under mu.
func (i *IDP) publish(document func() any) http.HandlerFunc {
	return i.counted(&i.fetches, func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		body, maxAge := document(), i.maxAge
		i.mu.Unlock()
		w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d, must-revalidate, no-transform", maxAge/time.Second))
		answer(w, body)
	})
}

// counted counts the request and lets next answer it if the mode allows.
func (i *IDP) counted(counter *int, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		*counter++
		mode := i.mode
		i.mu.Unlock()
		switch mode {
		case Working:
			next(w, r)
		case Hanging:
			<-r.Context().Done()
		case Garbling:
			_, _ = io.WriteString(w, "<html>Please accept the terms of use.</html>")
		default:
			http.Error(w, "out of order", http.StatusServiceUnavailable)
		}
	}
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(body) // a reader that left gets nothing
}

// transport runs a handler in place of a connection.
type transport struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		req = req.Clone(req.Context())
		req.Body = http.NoBody // what a handler may rely on
	}
	defer func() { _ = req.Body.Close() }()
	if !googles(req) {
		return nil, fmt.Errorf("fakeidp: %s is not Google's", req.URL.Host)
	}
	rec := &recorder{header: http.Header{}}
	t.handler.ServeHTTP(rec, req)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return rec.response(req), nil
}

// recorder is a [http.ResponseWriter] in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter]; the first status counts.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

func (r *recorder) response(req *http.Request) *http.Response {
	r.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: http.StatusText(r.status), StatusCode: r.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.header, Body: io.NopCloser(&r.body), ContentLength: int64(r.body.Len()), Request: req,
	}
}

package deployed

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/memorystore/apiv1/memorystorepb"
	"google.golang.org/grpc"

	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakeidp"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakememorystore"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/token"
)

// cloud is Google Cloud as one test's processes see it: a proxy that lets them
// reach these servers under Google's names, with a certificate they trust, and
// nothing else. Firestore's name leads to the official emulator.
type cloud struct {
	t       *testing.T
	project string
	binary  *binary

	idp         *fakeidp.IDP
	kms         *fakekms.Server
	memorystore *fakememorystore.Server
	record      *record.Firestore

	redis              *servers.RedisServer
	emulator           string // its address
	proxy              string // its URL
	caFile, serviceKey string // paths

	// signatures and firestore hold signatures by KMS and calls to Firestore.
	signatures, firestore gate

	mu      sync.Mutex
	known   []string // what must never be printed
	strayed []string // hosts somebody wanted that are not part of this cloud
}

// kmsKey is the one key that the stand-in holds.
const kmsKey = fakekms.DefaultKey

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{t: t, project: projectID(), binary: usual, redis: servers.Redis(t), emulator: servers.Firestore(t)}
	c.idp = must(fakeidp.New(fakeidp.Config{ProjectID: c.project}))(t)
	c.kms = must(fakekms.New(fakekms.Config{}))(t)
	t.Cleanup(c.kms.Close)
	c.kms.SetBefore(func(ctx context.Context, method string) error {
		if method == fakekms.MethodSign {
			return c.signatures.pass(ctx)
		}
		return nil
	})
	c.memorystore = fakememorystore.Start()
	t.Cleanup(c.memorystore.Close)
	c.record = c.openRecord()
	c.makeKey()
	c.serve()
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.strayed) > 0 {
			t.Errorf("the program wanted to reach %q", c.strayed)
		}
	})
	return c
}

func (c *cloud) openRecord() *record.Firestore {
	client := must(record.Dial(c.t.Context(), record.Target{ProjectID: c.project, Emulator: c.emulator}))(c.t)
	c.t.Cleanup(func() { _ = client.Close() })
	return record.NewFirestore(client, record.FirestoreOptions{Deadline: time.Minute})
}

// makeKey makes the first signing key, so that no test depends on which process starts
// first: the reaper's start makes it otherwise.
func (c *cloud) makeKey() {
	client := must(kms.NewKeyManagementClient(c.t.Context(), c.kms.ClientOptions()...))(c.t)
	c.t.Cleanup(func() { _ = client.Close() })
	keys := must(token.NewRotator(token.RotatorConfig{Key: kmsKey, EncryptionKey: c.kms.EncryptionKey(), Deadline: time.Minute}, client, c.record))(c.t)
	if err := keys.Ping(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// signingByRoot has each token signed by KMS, where a test can hold it.
const signingByRoot = "TOKEN_SIGNING=kms"

// environment is what Cloud Run and Terraform would give a function, and the
// way to this cloud. A change NAME= without a value takes a variable away.
func (c *cloud) environment(target string, changes ...string) []string {
	env := []string{
		"FUNCTION_TARGET=" + target, "K_SERVICE=" + strings.ToLower(target), "K_REVISION=" + strings.ToLower(target) + "-00001",
		"GOOGLE_CLOUD_PROJECT=" + c.project, "REDIS_ADDR=" + c.redis.Addr(), "KMS_KEY=" + kmsKey, "KMS_ENCRYPTION_KEY=" + fakekms.DefaultEncryptionKey,
		"REAPER_AUDIENCE=" + audience + "," + olderAudience, "REAPER_SERVICE_ACCOUNT=" + scheduler,
		"STAFF_AUDIENCE=" + doorAudience, "STAFF_ACCOUNTS=" + seller + ",@staff.example.com",
		"HTTPS_PROXY=" + c.proxy, "SSL_CERT_FILE=" + c.caFile, "GOOGLE_APPLICATION_CREDENTIALS=" + c.serviceKey,
	}
	return changed(append(env, inherited()...), changes...)
}

// patient makes a process wait longer for Redis: a crowd at a program under the
// race detector, on a machine with other tests, is slow without anything being wrong.
func patient() []string { return []string{"REDIS_DEADLINE=5s"} }

func changed(env []string, changes ...string) []string {
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		env = slices.DeleteFunc(env, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
		if value != "" {
			env = append(env, change)
		}
	}
	return env
}

// serve starts the proxy and what is behind it.
func (c *cloud) serve() {
	ca := newAuthority(c.t)
	c.caFile = ca.file
	c.serviceKey = serviceAccountFile(c.t, c.project)
	inside := &pipe{conns: make(chan net.Conn), closed: make(chan struct{})}
	google := &http.Server{
		Handler:   c.google(),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{ca.certificate(c.t, "*.googleapis.com")}, MinVersion: tls.VersionTLS12},
		ErrorLog:  log.New(io.Discard, "", 0), // a killed process resets its connections
	}
	outside := must(net.Listen("tcp", "127.0.0.1:0"))(c.t) //nolint:noctx // a loopback port
	proxy := &http.Server{Handler: c.connect(inside)}
	c.proxy = "http://" + outside.Addr().String()
	var running sync.WaitGroup
	running.Go(func() { _ = google.ServeTLS(inside, "", "") })
	running.Go(func() { _ = proxy.Serve(outside) })
	c.t.Cleanup(func() {
		_, _ = proxy.Close(), google.Close()
		running.Wait()
	})
}

// connect is the proxy: HTTP CONNECT (RFC 9110, section 9.3.6) to Google's
// names ends inside this process, to all others nowhere.
func (c *cloud) connect(inside *pipe) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || !strings.HasSuffix(r.Host, ".googleapis.com:443") {
			c.stray(r.Host)
			http.Error(w, "no such host", http.StatusBadGateway)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			c.t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n") // a client that left is none
		inside.put(readAhead{conn, buffered.Reader})
	})
}

func (c *cloud) stray(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strayed = append(c.strayed, host)
}

// google answers as the server of the name that was asked for.
func (c *cloud) google() http.Handler {
	rpc := grpc.NewServer()
	c.kms.Register(rpc)
	memorystorepb.RegisterMemorystoreServer(rpc, c.memorystore)
	people, firestore := c.idp.Handler(), c.relay()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch host, _, _ := strings.Cut(r.Host, ":"); host {
		case "www.googleapis.com", "identitytoolkit.googleapis.com":
			people.ServeHTTP(w, r)
		case "cloudkms.googleapis.com", "memorystore.googleapis.com":
			rpc.ServeHTTP(w, r)
		case "firestore.googleapis.com":
			firestore.ServeHTTP(w, r)
		case "oauth2.googleapis.com":
			issueAccessToken(w, r)
		default:
			c.stray(r.Host)
			http.NotFound(w, r)
		}
	})
}

// relay leads to the emulator, whose password for its administrator takes the
// place of the service account's token.
func (c *cloud) relay() http.Handler {
	plain := new(http.Protocols)
	plain.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: plain}
	c.t.Cleanup(transport.CloseIdleConnections)
	to := &url.URL{Scheme: "http", Host: c.emulator}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0), ModifyResponse: statusLast,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Set("Authorization", "Bearer owner")
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") {
			c.t.Errorf("Firestore was called without credentials: %s", r.URL.Path)
		}
		if c.firestore.pass(r.Context()) != nil {
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// statusLast makes trailers of a status that came in the place of everything else
// ("trailers-only"): a proxy that flushes may send headers by themselves, and gRPC
// takes what ends after them for broken.
func statusLast(r *http.Response) error {
	for _, name := range []string{"Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"} {
		if values := r.Header.Values(name); len(values) > 0 {
			if r.Trailer == nil {
				r.Trailer = http.Header{}
			}
			r.Trailer[name] = values
			r.Header.Del(name)
		}
	}
	return nil
}

// pipe is a listener for connections that are already there.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipe) put(conn net.Conn) {
	select {
	case p.conns <- conn:
	case <-p.closed:
		_ = conn.Close()
	}
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipe) Addr() net.Addr { return &net.TCPAddr{} }

// readAhead is a connection of which some bytes were read already.
type readAhead struct {
	net.Conn
	from *bufio.Reader
}

func (r readAhead) Read(p []byte) (int, error) { return r.from.Read(p) }

// gate lets calls pass until it is shut, and then holds them.
type gate struct {
	mu            sync.Mutex
	arrived, open chan struct{} // nil: open
}

// shut holds every call from now on. arrived gets a value when one is held;
// release lets all pass.
func (g *gate) shut() (arrived <-chan struct{}, release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.arrived, g.open = make(chan struct{}, 1), make(chan struct{})
	open := g.open
	return g.arrived, sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		close(open)
		g.arrived, g.open = nil, nil
	})
}

// pass waits while the gate is shut.
func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	arrived, open := g.arrived, g.open
	g.mu.Unlock()
	if open == nil {
		return nil
	}
	select {
	case arrived <- struct{}{}:
	default:
	}
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		return errors.New("the caller gave up")
	}
}

// must turns (value, error) into a value, or the end of the test.
func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

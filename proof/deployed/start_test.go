package deployed

import (
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/memorystore/apiv1/memorystorepb"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// TestUnusableConfiguration: the process ends at once with every fault in one
// line of the log, and never gets as far as to listen: its port is taken, and
// it does not find out.
func TestUnusableConfiguration(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	taken := must(net.Listen("tcp", ":0"))(t) //nolint:noctx // where the program would listen
	defer func() { _ = taken.Close() }()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	evicting := servers.Redis(t, "--maxmemory-policy", "allkeys-lru")
	for _, tt := range []struct {
		name, target string
		changes      []string
		faults       []string
	}{
		{
			"everything", "Acquire",
			[]string{
				"GOOGLE_CLOUD_PROJECT=", "REDIS_ADDR=redis", "REDIS_PASSWORD=" + c.keep("hunter2"), "KMS_KEY=k", "SESSION_TTL=six",
				"TOKEN_ISSUER=http://insecure", "RATE_LIMIT_PER_USER=-1", "LOG_LEVEL=loud", "KEY_ACTIVATION_DELAY=1s",
				"FIREBASE_AUTH_EMULATOR_HOST=localhost:9099", "FIRESTORE_EMULATOR_HOST=localhost:8080",
			},
			[]string{
				"GOOGLE_CLOUD_PROJECT", "REDIS_ADDR", "KMS_KEY", "SESSION_TTL", "TOKEN_ISSUER", "RATE_LIMIT_PER_USER", "LOG_LEVEL",
				"KEY_ACTIVATION_DELAY", "FIREBASE_AUTH_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST",
			},
		},
		{"unsigned tokens", "Heartbeat", []string{"FIREBASE_AUTH_EMULATOR_HOST=localhost:9099"}, []string{"FIREBASE_AUTH_EMULATOR_HOST"}},
		{"unsigned tokens, locally", "Release", []string{"FIREBASE_AUTH_EMULATOR_HOST=localhost:9099", "K_SERVICE="}, []string{"FIREBASE_AUTH_EMULATOR_HOST"}},
		{"an emulator's record", "Release", []string{"FIRESTORE_EMULATOR_HOST=" + c.emulator}, []string{"FIRESTORE_EMULATOR_HOST"}},
		{"an emulator's record, in a container", "Release", []string{"FIRESTORE_EMULATOR_HOST=" + c.emulator, "K_SERVICE=", "K_REVISION="}, []string{"FIRESTORE_EMULATOR_HOST"}},
		{"any emulator", "Release", []string{"PUBSUB_EMULATOR_HOST=x", "STORAGE_EMULATOR_HOST=x", "K_SERVICE="}, []string{"PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"}},
		{"an emulator's project", "Release", []string{"GOOGLE_CLOUD_PROJECT=demo-licenses"}, []string{"GOOGLE_CLOUD_PROJECT"}},
		{"no target", "", nil, []string{"FUNCTION_TARGET is not set", "Acquire, Heartbeat, Release or Reaper"}},
		{"no such target", "Nobody", nil, []string{"FUNCTION_TARGET names no function", "Acquire, Heartbeat, Release or Reaper"}},
		{"a Redis that evicts", "Release", []string{"REDIS_ADDR=" + evicting.Addr()}, []string{"allkeys-lru", "set maxmemory-policy noeviction"}},
		{"a cluster behind one address", "Acquire", []string{"REDIS_ADDR=" + servers.RedisCluster(t)[0]}, []string{"set REDIS_CLUSTER=true"}},
		{"one server as a cluster", "Acquire", []string{"REDIS_CLUSTER=true"}, []string{"unset REDIS_CLUSTER"}},
		{"a CA that is none", "Acquire", []string{"REDIS_TLS=true", "REDIS_CA_PEM=/etc/ca.pem"}, []string{"REDIS_CA_PEM"}},
		{"nobody may reap", "Reaper", []string{"REAPER_AUDIENCE=", "REAPER_SERVICE_ACCOUNT="}, []string{"REAPER_AUDIENCE", "REAPER_SERVICE_ACCOUNT"}},
		{"no credentials", "Acquire", []string{"GOOGLE_APPLICATION_CREDENTIALS=" + filepath.Join(t.TempDir(), "none.json")}, []string{"kms"}},
		{"no such Memorystore", "Release", []string{"REDIS_ADDR=", "MEMORYSTORE_INSTANCE=projects/p/locations/l/instances/none"}, []string{"projects/p/locations/l/instances/none"}},
		{"exporter", "Release", []string{"OTEL_TRACES_EXPORTER=pigeon"}, []string{"OTEL_TRACES_EXPORTER"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, tt.target, c.environment(tt.target, append(tt.changes, "PORT="+port)...))
			if code := p.ended(startLimit); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if text := p.stderr.String(); strings.TrimSpace(text) != "" {
				t.Errorf("stderr: %s", text)
			}
			lines := must(logLines(p.stdout.String()))(t)
			if len(lines) == 0 {
				t.Fatal("nothing in the log")
			}
			last := lines[len(lines)-1]
			fault, _ := last["error"].(string)
			if last["severity"] != "ERROR" || last["function"] != tt.target {
				t.Errorf("the last line is %v", last)
			}
			for _, want := range tt.faults {
				if !strings.Contains(fault, want) {
					t.Errorf("%q does not speak of %s", fault, want)
				}
			}
			if strings.Contains(p.stdout.String(), "hunter2") {
				t.Error("the password was printed")
			}
		})
	}
}

// TestLenientConfiguration: a target in any case, blanks around values, and what
// only some servers need: each starts, is ready, and grants a seat.
func TestLenientConfiguration(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	ca := newAuthority(t)
	certificate, key := ca.files(t, "127.0.0.1")
	port := strconv.Itoa(servers.FreePort(t))
	servers.Redis(t, "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no")
	pem := string(encode("CERTIFICATE", ca.cert.Raw))
	for i, tt := range []struct {
		name, target string
		changes      []string
	}{
		{"any case", "aCQUIRE", nil},
		{"blanks", " Acquire", []string{"GOOGLE_CLOUD_PROJECT= " + c.project + "\n", "REDIS_ADDR=" + c.redis.Addr() + "\n", "KMS_KEY=\t" + kmsKey + " "}},
		{"own CA", "Acquire", []string{"REDIS_ADDR=127.0.0.1:" + port, "REDIS_TLS=true", "REDIS_CA_PEM=" + pem}},
		{"own CA on one line", "Acquire", []string{"REDIS_ADDR=127.0.0.1:" + port, "REDIS_TLS=true", "REDIS_CA_PEM=" + strings.ReplaceAll(pem, "\n", `\n`)}},
		{"a cluster by one address", "Acquire", []string{"REDIS_ADDR=" + servers.RedisCluster(t)[1], "REDIS_CLUSTER=true"}},
	} {
		t.Log(tt.name)
		organization := "acme-" + strconv.Itoa(i)
		c.organization(organization, 1)
		p := c.start(tt.target, append(tt.changes, patient()...)...)
		ann := c.user(t, "ann", organization)
		read[api.Health](t, ann.call(p, http.MethodGet, api.PathReady, ""), http.StatusOK)
		ann.session(ann.acquire(p, "hardware-of-ann"), http.StatusCreated)
	}
}

// TestOutages: a backend that is away keeps no instance from starting, and its
// return needs no restart; a holder keeps its seat over the loss of Redis.
func TestOutages(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.organization("acme", 1)
	c.redis.Kill()
	acquire, heartbeat := c.start("Acquire"), c.start("Heartbeat")
	ann, bob := c.user(t, "ann", "acme"), c.user(t, "bob", "acme")
	down := ann.call(acquire, http.MethodGet, api.PathReady, "")
	if health := read[api.Health](t, down, http.StatusServiceUnavailable); health.Checks["redis"] != api.HealthFailed || health.Checks["kms"] != api.HealthOK {
		t.Errorf("ready: %+v", health)
	}
	if r := ann.acquire(acquire, "hardware-of-ann"); r.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After with %d", r.status)
	} else {
		refused(t, r, api.Unavailable)
	}
	c.redis.Start()
	session := ann.session(ann.acquire(acquire, "hardware-of-ann"), http.StatusCreated)
	c.redis.Kill()
	refused(t, ann.heartbeat(heartbeat, session.SessionID, ""), api.Unavailable)
	c.redis.Start()
	refused(t, bob.acquire(acquire, "hardware-of-bob"), api.NoSeatsAvailable)
	ann.session(ann.heartbeat(heartbeat, session.SessionID, ""), http.StatusOK)
}

// TestMemorystore: the instance's name is all the program is told; address,
// certificate and IAM password it finds out.
func TestMemorystore(t *testing.T) {
	t.Parallel()
	const instance = "projects/p/locations/l/instances/seats"
	c := newCloud(t)
	c.organization("acme", 1)
	ca := newAuthority(t)
	certificate, key := ca.files(t, "127.0.0.1")
	port := servers.FreePort(t)
	servers.Redis(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", certificate, "--tls-key-file", key,
		"--tls-auth-clients", "no", "--requirepass", accessToken)
	c.keep(accessToken)
	c.memorystore.PutInstance(memorystoreInstance(instance, int32(port)))
	c.memorystore.PutCertificateAuthority(instance, []string{string(encode("CERTIFICATE", ca.cert.Raw))})
	p := c.start("Acquire", "REDIS_ADDR=", "MEMORYSTORE_INSTANCE="+instance)
	ann := c.user(t, "ann", "acme")
	if health := read[api.Health](t, ann.call(p, http.MethodGet, api.PathReady, ""), http.StatusOK); health.Checks["redis"] != api.HealthOK {
		t.Errorf("ready: %+v", health)
	}
	ann.session(ann.acquire(p, "hardware-of-ann"), http.StatusCreated)
}

func memorystoreInstance(name string, port int32) *memorystorepb.Instance {
	return &memorystorepb.Instance{
		Name: name, State: memorystorepb.Instance_ACTIVE, Mode: memorystorepb.Instance_CLUSTER_DISABLED,
		AuthorizationMode:     memorystorepb.Instance_IAM_AUTH,
		TransitEncryptionMode: memorystorepb.Instance_SERVER_AUTHENTICATION,
		Endpoints: []*memorystorepb.Instance_InstanceEndpoint{{
			Connections: []*memorystorepb.Instance_ConnectionDetail{{
				Connection: &memorystorepb.Instance_ConnectionDetail_PscAutoConnection{PscAutoConnection: &memorystorepb.PscAutoConnection{
					IpAddress: "127.0.0.1", Ports: &memorystorepb.PscAutoConnection_Port{Port: port},
					ConnectionType: memorystorepb.ConnectionType_CONNECTION_TYPE_PRIMARY,
				}},
			}},
		}},
	}
}

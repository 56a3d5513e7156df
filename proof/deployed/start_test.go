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

// TestTargets: a target nobody wrote is an error; without one the program
// serves nothing, instead of all functions at once.
func TestTargets(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for _, target := range []string{"acquire", "Nobody"} {
		if code := launch(t, target, c.environment(target, "PORT=0")).ended(startLimit); code != 1 {
			t.Errorf("FUNCTION_TARGET=%s: exit code %d, want 1", target, code)
		}
	}
	port := strconv.Itoa(servers.FreePort(t))
	p := launch(t, "", c.environment("", "FUNCTION_TARGET=", "PORT="+port))
	p.base = "http://127.0.0.1:" + port
	if !p.listens() {
		t.Fatalf("it does not listen: %s%s", &p.stdout, &p.stderr)
	}
	client := newClient(t)
	for _, name := range []string{"Acquire", "Heartbeat", "Release", "Reaper"} {
		if r := must(call(client, http.MethodPost, p.base+"/"+name, "", ""))(t); r.status != http.StatusServiceUnavailable {
			t.Errorf("/%s: %d, want 503", name, r.status)
		}
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

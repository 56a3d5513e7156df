package deployed

import (
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

// environment is a row of the table: what differs from a usable one, and what comes
// of it.
type environment struct {
	name, target string
	changes      []string
	// words are in the one line of the log with which the process ends, exit code 1.
	// None: it starts.
	words []string
	// failing are the checks of /ready that fail in a process that starts.
	failing []string
}

func refusal(name, target string, changes, words []string) environment {
	return environment{name: name, target: target, changes: changes, words: words}
}

// list is a list of blank-separated words.
func list(words string) []string { return strings.Fields(words) }

// backends are the servers that the rows speak of.
type backends struct {
	evicting, replica, locked, tlsPort, ownCA, otherCA, none string
	cluster                                                  []string
}

func newBackends(t *testing.T, c *cloud) backends {
	t.Helper()
	ca := newAuthority(t)
	certificate, key := ca.files(t, "127.0.0.1")
	b := backends{
		evicting: servers.Redis(t, "--maxmemory-policy", "allkeys-lru").Addr(), locked: servers.Redis(t, "--requirepass", "x").Addr(),
		tlsPort: strconv.Itoa(servers.FreePort(t)), cluster: servers.RedisCluster(t),
		ownCA: string(encode("CERTIFICATE", ca.cert.Raw)), otherCA: string(encode("CERTIFICATE", newAuthority(t).cert.Raw)),
		none: filepath.Join(t.TempDir(), "none.json"),
	}
	host, port, _ := net.SplitHostPort(c.redis.Addr())
	b.replica = servers.Redis(t, "--replicaof", host+" "+port).Addr()
	servers.Redis(t, "--tls-port", b.tlsPort, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no")
	return b
}

// functionRows: which function a process is, and where it runs.
func functionRows(c *cloud, b backends) []environment {
	return []environment{
		refusal("no target", "", nil, []string{"FUNCTION_TARGET is not set", "Acquire, Heartbeat, Release, Reaper, Control, Admin or Deliver"}),
		refusal("no such target", "Nobody", nil, []string{"FUNCTION_TARGET names no function", "Acquire, Heartbeat, Release, Reaper, Control, Admin or Deliver"}),
		refusal("two targets", "Acquire,Release", nil, []string{"FUNCTION_TARGET names no function"}),
		{name: "any case", target: "hEARTBEAT"},
		{name: "blanks around", target: " Release\n", changes: []string{"GOOGLE_CLOUD_PROJECT= " + c.project + "\n", "REDIS_ADDR=\t" + c.redis.Addr() + "\r\n"}},
		{name: "outside of Cloud Run", target: "Release", changes: list("K_SERVICE= K_REVISION=")},
		refusal("no project", "Release", list("GOOGLE_CLOUD_PROJECT="), list("GOOGLE_CLOUD_PROJECT")),
		refusal("a line break in the project", "Release", []string{"GOOGLE_CLOUD_PROJECT=acme\nlicenses"}, list("GOOGLE_CLOUD_PROJECT")),
		refusal("an invisible character in the project", "Release", []string{"GOOGLE_CLOUD_PROJECT=acme\u200b"}, list("GOOGLE_CLOUD_PROJECT")),
		refusal("a project in capitals", "Release", list("GOOGLE_CLOUD_PROJECT=Acme"), list("GOOGLE_CLOUD_PROJECT")),
		refusal("a project's number", "Release", list("GOOGLE_CLOUD_PROJECT=123456789012"), list("GOOGLE_CLOUD_PROJECT")),
		refusal("a project's path", "Release", list("GOOGLE_CLOUD_PROJECT=projects/acme"), list("GOOGLE_CLOUD_PROJECT")),
		refusal("an emulator's project", "Release", list("GOOGLE_CLOUD_PROJECT=demo-licenses IDENTITY_PROJECT=demo-people"), list("GOOGLE_CLOUD_PROJECT IDENTITY_PROJECT")),
		refusal("unsigned tokens", "Heartbeat", list("FIREBASE_AUTH_EMULATOR_HOST=localhost:9099"), list("FIREBASE_AUTH_EMULATOR_HOST")),
		refusal("unsigned tokens, locally", "Release", list("FIREBASE_AUTH_EMULATOR_HOST=localhost:9099 K_SERVICE="), list("FIREBASE_AUTH_EMULATOR_HOST")),
		refusal("an emulator's record", "Release", list("FIRESTORE_EMULATOR_HOST="+c.emulator), list("FIRESTORE_EMULATOR_HOST")),
		refusal("an emulator's record, in a container", "Release", list("FIRESTORE_EMULATOR_HOST="+c.emulator+" K_SERVICE= K_REVISION="), list("FIRESTORE_EMULATOR_HOST")),
		refusal(
			"every emulator", "Release",
			list("PUBSUB_EMULATOR_HOST=x STORAGE_EMULATOR_HOST=x DATASTORE_EMULATOR_HOST=x SPANNER_EMULATOR_HOST=x BIGTABLE_EMULATOR_HOST=x FIREBASE_DATABASE_EMULATOR_HOST=x FIREBASE_STORAGE_EMULATOR_HOST=x CLOUD_TASKS_EMULATOR_HOST=x"),
			list("PUBSUB_EMULATOR_HOST STORAGE_EMULATOR_HOST DATASTORE_EMULATOR_HOST SPANNER_EMULATOR_HOST BIGTABLE_EMULATOR_HOST FIREBASE_DATABASE_EMULATOR_HOST FIREBASE_STORAGE_EMULATOR_HOST CLOUD_TASKS_EMULATOR_HOST"),
		),
		refusal("emulators by other names", "Release", list("FIREBASE_EMULATOR_HUB=x FUNCTIONS_EMULATOR=true STORAGE_EMULATOR_HOST_GRPC=x"), list("FIREBASE_EMULATOR_HUB FUNCTIONS_EMULATOR STORAGE_EMULATOR_HOST_GRPC")),
		{name: "a service whose name looks like one", target: "Release", changes: list("FIRESTORE_EMULATOR_SERVICE_HOST=10.0.0.1")},
		refusal("no credentials", "Acquire", list("GOOGLE_APPLICATION_CREDENTIALS="+b.none), list("kms")),
		refusal("no such exporter", "Release", list("OTEL_TRACES_EXPORTER=pigeon"), list("OTEL_TRACES_EXPORTER")),
	}
}

// ledgerRows: where the seats are, and whether that can keep them.
func ledgerRows(c *cloud, b backends) []environment {
	const instance = "projects/p/locations/l/instances/none"
	tls := "REDIS_ADDR=127.0.0.1:" + b.tlsPort + " REDIS_TLS=true"
	return []environment{
		refusal("no ledger", "Release", list("REDIS_ADDR="), []string{"REDIS_ADDR and MEMORYSTORE_INSTANCE are both not set"}),
		refusal("two ledgers", "Release", list("MEMORYSTORE_INSTANCE="+instance), []string{"REDIS_ADDR is set together with MEMORYSTORE_INSTANCE"}),
		refusal("an address without a port", "Release", list("REDIS_ADDR=redis"), list("REDIS_ADDR")),
		refusal("a URL", "Release", list("REDIS_ADDR=redis://redis:6379"), list("REDIS_ADDR")),
		refusal("a server that evicts", "Release", list("REDIS_ADDR="+b.evicting), []string{"allkeys-lru", "set maxmemory-policy noeviction"}),
		refusal("a cluster behind one address", "Acquire", list("REDIS_ADDR="+b.cluster[0]), []string{"set REDIS_CLUSTER=true"}),
		refusal("one server as a cluster", "Acquire", list("REDIS_CLUSTER=true"), []string{"unset REDIS_CLUSTER"}),
		{name: "a cluster by one address", target: "Release", changes: list("REDIS_CLUSTER=true REDIS_ADDR=" + b.cluster[1])},
		{name: "a cluster by all addresses", target: "Release", changes: list("REDIS_ADDR=" + strings.Join(b.cluster, ","))},
		refusal("a CA that is none", "Acquire", list("REDIS_TLS=true REDIS_CA_PEM=/etc/ca.pem"), list("REDIS_CA_PEM")),
		refusal("a CA without TLS", "Acquire", []string{"REDIS_CA_PEM=" + b.ownCA}, []string{"REDIS_CA_PEM is set without REDIS_TLS"}),
		{name: "its own CA", target: "Release", changes: append(list(tls), "REDIS_CA_PEM="+b.ownCA)},
		{name: "another CA", target: "Release", changes: append(list(tls), "REDIS_CA_PEM="+b.otherCA), failing: list("redis")},
		refusal("a user without a password", "Release", list("REDIS_USERNAME=seats"), list("REDIS_USERNAME")),
		refusal("a password with a control character", "Release", []string{"REDIS_PASSWORD=" + c.keep("hunter") + "\x1b2"}, list("REDIS_PASSWORD")),
		{name: "a server that wants a password", target: "Release", changes: list("REDIS_ADDR=" + b.locked), failing: list("redis")},
		{name: "its password", target: "Release", changes: list("REDIS_PASSWORD=x REDIS_ADDR=" + b.locked)},
		{name: "a replica", target: "Release", changes: list("REDIS_ADDR=" + b.replica), failing: list("redis")},
		{name: "nobody there", target: "Heartbeat", changes: list("REDIS_ADDR=127.0.0.1:1"), failing: list("redis")},
		refusal("no such Memorystore", "Release", list("REDIS_ADDR= MEMORYSTORE_INSTANCE="+instance), list(instance)),
		refusal("half a name of a Memorystore", "Release", list("REDIS_ADDR= MEMORYSTORE_INSTANCE=seats"), list("MEMORYSTORE_INSTANCE")),
		refusal("a Memorystore with what it tells by itself", "Release", list("REDIS_ADDR= REDIS_PASSWORD=x REDIS_TLS=true MEMORYSTORE_INSTANCE="+instance), list("REDIS_PASSWORD REDIS_TLS")),
	}
}

// webhookKey is long enough.
const webhookKey = "0123456789abcdef0123456789abcdef"

// settingRows: keys, callers, durations and limits.
func settingRows(c *cloud) []environment {
	return []environment{
		refusal("no key", "Acquire", list("KMS_KEY="), []string{"KMS_KEY is not set"}),
		refusal("a version of the key", "Heartbeat", list("KMS_KEY="+kmsKey+"/cryptoKeyVersions/1"), list("KMS_KEY")),
		{name: "another key", target: "Acquire", changes: list("KMS_KEY=" + kmsKey + "-of-others"), failing: list("kms")},
		refusal("no key to encrypt with", "Reaper", list("KMS_ENCRYPTION_KEY="), []string{"KMS_ENCRYPTION_KEY is not set"}),
		{name: "each token by KMS", target: "Acquire", changes: list(signingByRoot + " KMS_ENCRYPTION_KEY=")},
		{name: "no keys are made", target: "Reaper", changes: list(signingByRoot + " KMS_KEY= KMS_ENCRYPTION_KEY=")},
		refusal("no such way to sign", "Heartbeat", list("TOKEN_SIGNING=hsm"), list("TOKEN_SIGNING")),
		{name: "no key where nothing is signed", target: "Release", changes: list("KMS_KEY= REAPER_AUDIENCE= REAPER_SERVICE_ACCOUNT=")},
		refusal("nobody may reap", "Reaper", list("REAPER_AUDIENCE= REAPER_SERVICE_ACCOUNT="), list("REAPER_AUDIENCE REAPER_SERVICE_ACCOUNT")),
		refusal("a person may reap", "Reaper", list("REAPER_SERVICE_ACCOUNT=eve@gmail.com"), list("REAPER_SERVICE_ACCOUNT")),
		refusal("IAM is said to check, and does not", "Reaper", list("REAPER_IAM_CHECKED=true K_SERVICE="), list("REAPER_IAM_CHECKED")),
		refusal("nobody may sell", "Control", list("STAFF_AUDIENCE= STAFF_ACCOUNTS="), list("STAFF_AUDIENCE STAFF_ACCOUNTS")),
		refusal("two who are no accounts", "Control", list("STAFF_ACCOUNTS=eve,"+seller+",@"), []string{"STAFF_ACCOUNTS entry 1 ", "STAFF_ACCOUNTS entry 3 "}),
		refusal("everybody with an account at Gmail may sell", "Control", list("STAFF_ACCOUNTS=@gmail.com"), list("STAFF_ACCOUNTS")),
		refusal("a list of doors", "Control", list("STAFF_AUDIENCE=https://a.example/,https://b.example/"), list("STAFF_AUDIENCE")),
		refusal("IAM is said to check who sells, and does not", "Control", list("STAFF_IAM_CHECKED=true K_SERVICE="), list("STAFF_IAM_CHECKED")),
		{name: "no key and no schedule where licenses are sold", target: "Control", changes: list("KMS_KEY= KMS_ENCRYPTION_KEY= REAPER_AUDIENCE= REAPER_SERVICE_ACCOUNT=")},
		{name: "no key, no schedule and no staff where organizations administer themselves", target: "Admin", changes: list("KMS_KEY= KMS_ENCRYPTION_KEY= REAPER_AUDIENCE= REAPER_SERVICE_ACCOUNT= STAFF_AUDIENCE= STAFF_ACCOUNTS=")},
		{name: "they do while Redis is away", target: "aDMIN", changes: list("REDIS_ADDR=127.0.0.1:1"), failing: list("redis")},
		refusal("they do without a project and a ledger", "Admin", list("GOOGLE_CLOUD_PROJECT= REDIS_ADDR="), list("GOOGLE_CLOUD_PROJECT REDIS_ADDR")),
		refusal("they do by unsigned tokens", "Admin", list("FIREBASE_AUTH_EMULATOR_HOST=localhost:9099"), list("FIREBASE_AUTH_EMULATOR_HOST")),
		refusal("revocation is asked for half", "Admin", list("CHECK_REVOKED=perhaps"), list("CHECK_REVOKED")),
		refusal("nobody may have events told", "Deliver", list("REAPER_AUDIENCE= REAPER_SERVICE_ACCOUNT= WEBHOOK_KEY="), list("REAPER_AUDIENCE REAPER_SERVICE_ACCOUNT WEBHOOK_KEY")),
		refusal("a short key of webhooks", "Admin", list("WEBHOOK_KEY=hunter"), list("WEBHOOK_KEY")),
		refusal("a topic that is none", "Deliver", list("WEBHOOK_KEY="+webhookKey+" EVENTS_TOPIC=events"), list("EVENTS_TOPIC")),
		refusal("events by halves", "Acquire", list("EVENTS=perhaps"), list("EVENTS")),
		{name: "events are told without a ledger and without a key", target: "Deliver", changes: list("WEBHOOK_KEY=" + webhookKey + " REDIS_ADDR= KMS_KEY= KMS_ENCRYPTION_KEY= STAFF_AUDIENCE= STAFF_ACCOUNTS=")},
		{name: "two audiences", target: "Reaper", changes: []string{"REAPER_AUDIENCE= https://a.example/ , https://b.example/ ,"}},
		refusal("no unit", "Acquire", list("SESSION_TTL=6"), list("SESSION_TTL")),
		refusal("a heartbeat that may not be lost", "Acquire", list("HEARTBEAT_INTERVAL=4m"), list("HEARTBEAT_INTERVAL")),
		refusal("an issuer in the clear", "Acquire", list("TOKEN_ISSUER=http://licenses.example.com"), list("TOKEN_ISSUER")),
		refusal("no such database name", "Release", list("FIRESTORE_DATABASE=Licenses"), list("FIRESTORE_DATABASE")),
		refusal("limits below nothing", "Release", list("RATE_LIMIT_PER_USER=-1 MAX_IN_FLIGHT=-1"), list("RATE_LIMIT_PER_USER MAX_IN_FLIGHT")),
		{name: "blank values", target: "Release", changes: []string{"SESSION_TTL= ", "LOG_LEVEL=\t", "REDIS_TLS= "}},
		refusal(
			"everything at once", "Acquire",
			[]string{
				"GOOGLE_CLOUD_PROJECT=", "REDIS_ADDR=redis", "REDIS_PASSWORD=" + c.keep("hunter2"), "KMS_KEY=k", "SESSION_TTL=six",
				"TOKEN_ISSUER=http://insecure", "RATE_LIMIT_PER_USER=-1", "LOG_LEVEL=loud", "KEY_ACTIVATION_DELAY=1s",
				"FIREBASE_AUTH_EMULATOR_HOST=localhost:9099", "FIRESTORE_EMULATOR_HOST=localhost:8080",
			},
			list("GOOGLE_CLOUD_PROJECT REDIS_ADDR KMS_KEY SESSION_TTL TOKEN_ISSUER RATE_LIMIT_PER_USER LOG_LEVEL KEY_ACTIVATION_DELAY FIREBASE_AUTH_EMULATOR_HOST FIRESTORE_EMULATOR_HOST"),
		),
	}
}

// TestEnvironments boots the program in each: it starts and knows what it can do, or
// ends at once with every fault in one line of the log, and never gets as far as
// to listen: its port is taken, and it does not find out.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	taken := must(net.Listen("tcp", ":0"))(t) //nolint:noctx // where the program would listen
	defer func() { _ = taken.Close() }()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	b := newBackends(t, c)
	rows := slices.Concat(functionRows(c, b), ledgerRows(c, b), settingRows(c))
	if len(rows) < 45 {
		t.Errorf("only %d environments", len(rows))
	}
	t.Run("refused", func(t *testing.T) {
		for _, row := range rows {
			if len(row.words) > 0 {
				t.Run(row.name, func(t *testing.T) {
					t.Parallel()
					row.refused(t, c, port)
				})
			}
		}
	})
	for _, row := range rows {
		if len(row.words) == 0 {
			t.Run(row.name, func(t *testing.T) { row.starts(t, c) })
		}
	}
}

func (e environment) refused(t *testing.T, c *cloud, port string) {
	p := launch(t, e.target, c.environment(e.target, append(e.changes, "PORT="+port)...))
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
	if last["severity"] != "ERROR" || last["function"] != e.target {
		t.Errorf("the last line is %v", last)
	}
	for _, want := range e.words {
		if !strings.Contains(fault, want) {
			t.Errorf("%q does not speak of %s", fault, want)
		}
	}
	if strings.Contains(p.stdout.String(), "hunter") {
		t.Error("the password was printed")
	}
}

func (e environment) starts(t *testing.T, c *cloud) {
	p := c.start(e.target, append(e.changes, patient()...)...)
	p.awaitReadiness(t, e.failing...)
	p.finish(c.secrets())
}

// awaitReadiness waits until /ready tells that exactly these checks fail: on a busy
// machine the emulator may be slow to begin.
func (p *process) awaitReadiness(t *testing.T, failing ...string) {
	t.Helper()
	client := newClient(t)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(startLimit); ; <-tick.C {
		r := must(call(client, http.MethodGet, p.base+api.PathReady, "", ""))(t)
		var health api.Health
		if err := json.Unmarshal(r.body, &health); err != nil {
			t.Fatalf("%v in %s", err, r.body)
		}
		var failed []string
		for name, state := range health.Checks {
			if state != api.HealthOK {
				failed = append(failed, name)
			}
		}
		if slices.Equal(failed, failing) && (r.status == http.StatusOK) == (len(failing) == 0) {
			return
		}
		if time.Now().After(until) {
			t.Errorf("%d %s, want %q to fail", r.status, r.body, failing)
			return
		}
	}
}

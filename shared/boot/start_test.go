package boot_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/functions"
	"github.com/coditect-ai/coditect-licenses/internal/devstack/fakekms"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/shared/boot"
	"github.com/coditect-ai/coditect-licenses/shared/config"
	"github.com/coditect-ai/coditect-licenses/shared/redisconn"
	"github.com/coditect-ai/coditect-licenses/shared/telemetry"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// nowhere is an address at which nobody listens: clients connect when first used.
const nowhere = "127.0.0.1:1"

// environment is a usable one; a change name, "" takes a variable away.
func environment(changes ...string) map[string]string {
	env := map[string]string{
		"GOOGLE_CLOUD_PROJECT": project, "REDIS_ADDR": nowhere, "KMS_KEY": fakekms.DefaultKey, "KMS_ENCRYPTION_KEY": fakekms.DefaultEncryptionKey,
		"REAPER_AUDIENCE": "https://a.example/,https://b.example/", "REAPER_SERVICE_ACCOUNT": scheduler,
		"STAFF_AUDIENCE": door, "STAFF_ACCOUNTS": seller,
	}
	for i := 0; i < len(changes); i += 2 {
		env[changes[i]] = changes[i+1]
	}
	return env
}

// quiet keeps the process's own logging as it was, and what a test makes it say to itself.
func quiet(t *testing.T) {
	t.Helper()
	flags := log.Flags()
	t.Cleanup(func() {
		log.SetFlags(flags)
		log.SetOutput(os.Stderr)
	})
}

// all are the functions of the program.
func all() map[string]boot.Wire {
	return map[string]boot.Wire{
		"Acquire": functions.Acquire, "Heartbeat": functions.Heartbeat, "Release": functions.Release, "Reaper": functions.Reaper,
		"Control": functions.Control, "Admin": functions.Admin,
	}
}

// TestStart: every function starts although no backend is there, says so when
// it is asked, and leaves nothing running (see TestMain).
func TestStart(t *testing.T) {
	quiet(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t))
	for _, name := range []string{"Acquire", "Heartbeat", "Release", "Reaper", "Control", "Admin", "acquire", "REAPER"} {
		t.Run(name, func(t *testing.T) {
			app, flush, err := boot.Start(name, all(), environment())
			if err != nil {
				t.Fatal(err)
			}
			if w := ask(app, http.MethodGet, api.PathLive, "", ""); w.Code != http.StatusOK {
				t.Errorf("live: %d", w.Code)
			}
			if err := flush(t.Context()); err != nil {
				t.Errorf("flush: %v", err)
			}
		})
	}
}

func TestStartedFunctionIsNotReadyWithoutBackends(t *testing.T) {
	quiet(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t))
	app, flush, err := boot.Start("Release", all(), environment("LOG_LEVEL", "error"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flush(t.Context()) }()
	w := ask(app, http.MethodGet, api.PathReady, "", "")
	var health api.Health
	if err := json.Unmarshal(w.Body.Bytes(), &health); err != nil || w.Code != http.StatusServiceUnavailable {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if want := map[string]string{"redis": api.HealthFailed, "firestore": api.HealthFailed}; !maps.Equal(health.Checks, want) {
		t.Errorf("checks %v, want %v", health.Checks, want)
	}
}

// TestStartFails: what was made before the fault is closed again (see TestMain).
func TestStartFails(t *testing.T) {
	quiet(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t))
	none := filepath.Join(t.TempDir(), "none.json")
	broken := errors.New("broken")
	for _, tt := range []struct {
		name, function string
		wire           boot.Wire
		env            map[string]string
		system         map[string]string // for libraries that read the process's own
		want           []string
	}{
		{
			name: "all faults at once", function: "Reaper",
			env:  map[string]string{"REDIS_ADDR": "redis", "SESSION_TTL": "six", "LOG_LEVEL": "loud"},
			want: []string{"GOOGLE_CLOUD_PROJECT", "REDIS_ADDR", "SESSION_TTL", "LOG_LEVEL", "REAPER_AUDIENCE", "REAPER_SERVICE_ACCOUNT"},
		},
		{
			name: "nobody is staff", function: "Control", env: environment("STAFF_AUDIENCE", "", "STAFF_ACCOUNTS", "eve,@"),
			want: []string{"STAFF_AUDIENCE", "STAFF_ACCOUNTS entry 1", "STAFF_ACCOUNTS entry 2"},
		},
		{name: "no function", function: "Nobody", env: environment(), want: []string{"FUNCTION_TARGET"}},
		{
			name: "unsigned tokens", function: "Release", env: environment("FIREBASE_AUTH_EMULATOR_HOST", nowhere),
			want: []string{"FIREBASE_AUTH_EMULATOR_HOST"},
		},
		{
			name: "an emulator", function: "Release", env: environment("FIRESTORE_EMULATOR_HOST", nowhere),
			want: []string{"FIRESTORE_EMULATOR_HOST"},
		},
		{
			name: "exporter", function: "Release", env: environment(),
			system: map[string]string{"OTEL_TRACES_EXPORTER": "pigeon"}, want: []string{"OTEL_TRACES_EXPORTER"},
		},
		{
			name: "no credentials", function: "Acquire", env: environment(),
			system: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": none}, want: []string{"kms client"},
		},
		{
			name: "no credentials for anything", function: "Acquire",
			env:    environment("REDIS_ADDR", "", "MEMORYSTORE_INSTANCE", "projects/p/locations/l/instances/i", "CHECK_REVOKED", "true"),
			system: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": none},
			want:   []string{"redis: ", "projects/p/locations/l/instances/i", "firestore client: ", "kms client: "},
		},
		{
			name: "wiring", function: "Release", env: environment(),
			wire: func(*boot.Service) (*web.App, error) { return nil, broken }, want: []string{"broken"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, value := range tt.system {
				t.Setenv(name, value)
			}
			program := all()
			if tt.wire != nil {
				program[tt.function] = tt.wire
			}
			app, flush, err := boot.Start(tt.function, program, tt.env)
			if err == nil || app != nil || flush != nil {
				t.Fatalf("started: %v, %v", app, err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not speak of %s", err, want)
				}
			}
		})
	}
}

// TestUnfitRedis: a Redis that would evict seats keeps a function from starting and
// from being ready, and wakes somebody.
func TestUnfitRedis(t *testing.T) {
	quiet(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t))
	server := servers.Redis(t, "--maxmemory-policy", "allkeys-lru")
	_, _, err := boot.Start("Release", all(), environment("REDIS_ADDR", server.Addr()))
	if err == nil || !strings.Contains(err.Error(), "set maxmemory-policy noeviction") {
		t.Errorf("at start: %v", err)
	}
	p := newParts(t)
	if p.Redis, err = redisconn.Dial(t.Context(), redisconn.Config{Addr: server.Addr()}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Redis.Close() }()
	var out bytes.Buffer
	s, err := boot.Assemble(configuration(config.Release), p.Clients, telemetry.NewLogger(&out, slog.LevelInfo), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Web("release").Checks["redis"](t.Context()); err == nil || !strings.Contains(err.Error(), "allkeys-lru") {
		t.Errorf("readiness: %v", err)
	}
	if !strings.Contains(out.String(), `"severity":"CRITICAL"`) || !strings.Contains(out.String(), "allkeys-lru") {
		t.Errorf("the log has no critical line: %s", &out)
	}
}

func TestEnviron(t *testing.T) {
	got := boot.Environ([]string{"A=1", "B=", "C=x=y", "D"})
	if want := map[string]string{"A": "1", "B": "", "C": "x=y", "D": ""}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestLibrariesSpeakJSON: the standard log, slog and go-redis.
func TestLibrariesSpeakJSON(t *testing.T) {
	quiet(t)
	for _, tt := range []struct {
		level slog.Level
		want  []string
	}{
		{slog.LevelDebug, []string{"INFO", "INFO", "DEBUG"}},
		{slog.LevelInfo, []string{"INFO", "INFO"}},
		{slog.LevelWarn, nil},
	} {
		var out bytes.Buffer
		boot.AdoptLibraries(telemetry.NewLogger(&out, tt.level))
		log.Print("http: something of net/http's")
		slog.InfoContext(t.Context(), "something of a library's")
		client := redis.NewClient(&redis.Options{Addr: nowhere, MaxRetries: -1, DialerRetries: 1})
		_ = client.Ping(context.WithoutCancel(t.Context())).Err()
		_ = client.Close()
		var got []string
		for line := range strings.Lines(out.String()) {
			var object map[string]string
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			got = append(got, object["severity"])
		}
		if strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("at %s: %q, want %q:\n%s", tt.level, got, tt.want, &out)
		}
	}
}

// serviceAccount writes credentials with a key nobody trusts.
func serviceAccount(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": project, "private_key_id": "1", "client_id": "1",
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": "function@" + project + ".iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "service-account.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

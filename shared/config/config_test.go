package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/config"
)

const longKey = "0123456789abcdef0123456789abcdef"

const (
	key     = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
	sealing = "projects/p/locations/l/keyRings/r/cryptoKeys/sealing"
)

// environ is all a function needs, changed as told: "" takes a variable away.
func environ(changes ...string) map[string]string {
	m := map[string]string{
		"GOOGLE_CLOUD_PROJECT": "p", "REDIS_ADDR": "redis:6379", "KMS_KEY": key, "KMS_ENCRYPTION_KEY": sealing,
		"REAPER_AUDIENCE": "https://reaper.example", "REAPER_SERVICE_ACCOUNT": "scheduler@p.iam.gserviceaccount.com",
		"STAFF_AUDIENCE": "https://control.example", "STAFF_ACCOUNTS": "eve@vendor.example",
		"PATH": "/bin", "K_SERVICE": "acquire",
	}
	for i := 0; i < len(changes); i += 2 {
		m[changes[i]] = changes[i+1]
	}
	return m
}

func TestDefaults(t *testing.T) {
	got, err := config.Load("Acquire", environ("REAPER_AUDIENCE", "", "REAPER_SERVICE_ACCOUNT", " ", "STAFF_AUDIENCE", "", "STAFF_ACCOUNTS", " , "))
	want := config.Config{
		Function: config.Acquire, Project: "p", FirestoreDatabase: "(default)", RedisAddr: "redis:6379", TokenSigning: "delegated", KMSKey: key, KMSEncryptionKey: sealing,
		IdentityProject: "p", TokenIssuer: "https://licenses.coditect.ai",
		SessionTTL: 6 * time.Minute, HeartbeatInterval: 2 * time.Minute, TokenMin: 5 * time.Minute, TokenTTL: time.Hour, ClockTolerance: 30 * time.Second,
		EntitlementCacheTTL: 30 * time.Second, KeyActivationDelay: 10 * time.Minute,
		RequestDeadline: 10 * time.Second, BackendDeadline: 5 * time.Second, ReapBudget: 45 * time.Second,
		RedisDeadline: 700 * time.Millisecond, CircuitCooldown: time.Second, MaxInFlight: 1000,
		RateLimitPerUser: 50, LogLevel: slog.LevelInfo,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
}

func TestEverythingSet(t *testing.T) {
	got, err := config.Load("reaper", environ(
		"FIRESTORE_DATABASE", "records", "REDIS_ADDR", "", "MEMORYSTORE_INSTANCE", "projects/p/locations/l/instances/i",
		"IDENTITY_PROJECT", "people", "IDENTITY_API_KEY", " AIzaSy \n", "CHECK_REVOKED", "true", "TOKEN_ISSUER", "https://example.com/x",
		"SESSION_TTL", "8m", "HEARTBEAT_INTERVAL", "4m", "TOKEN_SIGNING", "kms", "TOKEN_MIN", "1m", "TOKEN_TTL", "5m", "CLOCK_TOLERANCE", "10s", "ENTITLEMENT_CACHE_TTL", "0s", "KEY_ACTIVATION_DELAY", "361s",
		"REQUEST_DEADLINE", "5s", "BACKEND_DEADLINE", "5s", "REAP_BUDGET", "50s",
		"REDIS_DEADLINE", "1s", "CIRCUIT_COOLDOWN", "2s", "MAX_IN_FLIGHT", "0",
		"CORS_ORIGINS", " https://app.example.com ,, http://localhost:3000 ,", "LOG_KEY", " "+longKey+"\n",
		"REAPER_AUDIENCE", " https://a , https://b ,", "REAPER_IAM_CHECKED", "true", "RATE_LIMIT_PER_USER", "0", "LOG_LEVEL", "DEBUG",
		"STAFF_AUDIENCE", " https://c ", "STAFF_ACCOUNTS", " eve@vendor.example ,, @vendor.example ,", "STAFF_IAM_CHECKED", "true"))
	want := config.Config{
		Function: config.Reaper, Project: "p", FirestoreDatabase: "records", MemorystoreInstance: "projects/p/locations/l/instances/i", TokenSigning: "kms", KMSKey: key, KMSEncryptionKey: sealing,
		IdentityProject: "people", IdentityAPIKey: "AIzaSy", CheckRevoked: true, TokenIssuer: "https://example.com/x",
		SessionTTL: 8 * time.Minute, HeartbeatInterval: 4 * time.Minute, TokenMin: time.Minute, TokenTTL: 5 * time.Minute, ClockTolerance: 10 * time.Second, KeyActivationDelay: 361 * time.Second,
		RequestDeadline: 5 * time.Second, BackendDeadline: 5 * time.Second, ReapBudget: 50 * time.Second,
		RedisDeadline: time.Second, CircuitCooldown: 2 * time.Second,
		ReaperAudiences: []string{"https://a", "https://b"}, ReaperServiceAccount: "scheduler@p.iam.gserviceaccount.com",
		ReaperIAMChecked: true, LogLevel: slog.LevelDebug, LogKey: longKey,
		StaffAudience: "https://c", StaffAccounts: []string{"eve@vendor.example", "@vendor.example"}, StaffIAMChecked: true,
		CORSOrigins: []string{"https://app.example.com", "http://localhost:3000"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
}

func TestClusterAddresses(t *testing.T) {
	env := map[string]string{
		"GOOGLE_CLOUD_PROJECT": "p", "KMS_KEY": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
		"REDIS_ADDR": "redis-1:6379, redis-2:6379,redis-3:6379", "KMS_ENCRYPTION_KEY": sealing,
	}
	if _, err := config.Load(config.Acquire, env); err != nil {
		t.Fatal(err)
	}
}

func TestNotNeededMayBeMissing(t *testing.T) {
	for _, tt := range []struct {
		function string
		changes  []string
	}{
		{"release", []string{"KMS_KEY", "", "KMS_ENCRYPTION_KEY", "", "REAPER_AUDIENCE", "", "REAPER_SERVICE_ACCOUNT", ""}},
		{"reaper", []string{"TOKEN_SIGNING", "kms", "KMS_KEY", "", "KMS_ENCRYPTION_KEY", ""}},
		{"heartbeat", []string{"REAPER_AUDIENCE", "", "REAPER_SERVICE_ACCOUNT", "", "STAFF_AUDIENCE", "", "STAFF_ACCOUNTS", ""}},
		{"control", []string{"KMS_KEY", "", "KMS_ENCRYPTION_KEY", "", "REAPER_AUDIENCE", "", "REAPER_SERVICE_ACCOUNT", ""}},
		{"acquire", []string{"SESSION_TTL", "", "REDIS_TLS", "", "LOG_LEVEL", ""}},
	} {
		if _, err := config.Load(tt.function, environ(tt.changes...)); err != nil {
			t.Errorf("%s %v: %v", tt.function, tt.changes, err)
		}
	}
}

// TestAllFaultsAtOnce: one failed start is enough to see them all.
func TestAllFaultsAtOnce(t *testing.T) {
	env := map[string]string{
		"REDIS_PASSWORD": "hunter2", "KMS_KEY": "k", "TOKEN_ISSUER": "x", "SESSION_TTL": "later", "HEARTBEAT_INTERVAL": "-1s",
		"TOKEN_TTL": "x", "KEY_ACTIVATION_DELAY": "1s", "BACKEND_DEADLINE": "1h", "REQUEST_DEADLINE": "0s", "REAP_BUDGET": "0s",
		"ENTITLEMENT_CACHE_TTL": "1000h", "CHECK_REVOKED": "maybe", "RATE_LIMIT_PER_USER": "many", "LOG_LEVEL": "x",
		"FIREBASE_AUTH_EMULATOR_HOST": "x", "FIRESTORE_EMULATOR_HOST": "x", "K_SERVICE": "reaper",
		"REDIS_CLUSTER": "x", "REDIS_CA_PEM": "x", "IDENTITY_PROJECT": "X", "FIRESTORE_DATABASE": "X",
	}
	_, err := config.Load("reaper", env)
	if err == nil {
		t.Fatal("it was taken")
	}
	missing := []string{"GOOGLE_CLOUD_PROJECT", "REDIS_ADDR", "REAPER_AUDIENCE", "REAPER_SERVICE_ACCOUNT"}
	for _, variable := range append(slices.Sorted(maps.Keys(env)), missing...) {
		if variable == "K_SERVICE" || variable == "REDIS_PASSWORD" {
			continue
		}
		if !strings.Contains(err.Error(), "\n"+variable+" ") {
			t.Errorf("%s is not named in\n%v", variable, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error has the password")
	}
}

// TestSecretsAreNotPrinted, however the configuration is.
func TestSecretsAreNotPrinted(t *testing.T) {
	c, err := config.Load("acquire", environ("REDIS_PASSWORD", "hunter2", "LOG_KEY", "hunter2"+longKey))
	if err != nil || c.RedisPassword.Reveal() != "hunter2" {
		t.Fatalf("%v, %v", c.RedisPassword.Reveal(), err)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", "config", c, "password", c.RedisPassword)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "config", c, "password", c.RedisPassword)
	printed := fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c.RedisPassword, c.RedisPassword) + string(asJSON) + log.String()
	if strings.Contains(printed, "hunter2") {
		t.Errorf("the password is in\n%s", printed)
	}
	if config.Secret("").String() != "" {
		t.Error("a missing secret looks like one")
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		function string
		changes  []string
		want     int
	}{
		{"acquire", nil, 0},
		{"release", []string{"REDIS_PASSWORD", "hunter2"}, 1},
		{"release", []string{"REDIS_PASSWORD", "hunter2", "REDIS_TLS", "true"}, 0},
		{"release", []string{"LOG_KEY", ""}, 1},
		{"reaper", []string{"LOG_KEY", ""}, 0},
		{"control", []string{"LOG_KEY", ""}, 1},
		{"admin", []string{"LOG_KEY", ""}, 1},
		{"release", []string{"CORS_ORIGINS", "https://app.example.com,http://localhost:3000,http://127.0.0.1,http://[::1]:8080,app://studio"}, 0},
		{"release", []string{"CORS_ORIGINS", "http://intranet,http://app.example.com:8080"}, 2},
	} {
		c, err := config.Load(tt.function, environ(append([]string{"LOG_KEY", longKey}, tt.changes...)...))
		if err != nil {
			t.Fatal(err)
		}
		got := c.Warnings()
		if len(got) != tt.want || strings.Contains(strings.Join(got, ""), "hunter2") {
			t.Errorf("%s %v: %v", tt.function, tt.changes, got)
		}
	}
}

func TestDeadline(t *testing.T) {
	for function, want := range map[string]time.Duration{"acquire": 10 * time.Second, "release": 10 * time.Second, "reaper": 50 * time.Second, "control": 10 * time.Second, "admin": 10 * time.Second} {
		c, err := config.Load(function, environ())
		if err != nil || c.Deadline() != want {
			t.Errorf("%s: %v, %v", function, c.Deadline(), err)
		}
	}
}

func TestValidateOfAHandMadeConfig(t *testing.T) {
	if err := (config.Config{}).Validate(); err == nil {
		t.Error("the zero configuration is taken")
	}
	c, err := config.Load("acquire", environ())
	if err != nil || c.Validate() != nil {
		t.Errorf("%v, %v", err, c.Validate())
	}
}

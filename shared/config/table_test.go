package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/config"
)

const memorystore = "projects/p/locations/l/instances/i"

// row is an environment, as changes of a usable one, and the variables that are
// faulted: none, and the function starts.
type row struct {
	function string
	changes  []string
	faults   []string
}

func starts(function string, changes ...string) row { return row{function, changes, nil} }

func refused(fault string, function string, changes ...string) row {
	return row{function, changes, strings.Fields(fault)}
}

// instance is the changes for a Memorystore instance, and more.
func instance(more ...string) []string {
	return append([]string{"REDIS_ADDR", "", "MEMORYSTORE_INSTANCE", memorystore}, more...)
}

// functions: which function is meant, and what each cannot do without.
func functions() []row {
	return []row{
		starts("acquire"), starts("Heartbeat"), starts("RELEASE"), starts(" reaper\n"), starts("cONTROL"), starts("Admin"),
		starts("release", "KMS_KEY", "", "KMS_ENCRYPTION_KEY", "", "REAPER_AUDIENCE", "", "REAPER_SERVICE_ACCOUNT", "", "STAFF_AUDIENCE", "", "STAFF_ACCOUNTS", ""),
		starts("control", "KMS_KEY", "", "KMS_ENCRYPTION_KEY", "", "REAPER_AUDIENCE", "", "REAPER_SERVICE_ACCOUNT", ""),
		refused("FUNCTION_TARGET", "nobody"),
		starts("admin", "KMS_KEY", "", "KMS_ENCRYPTION_KEY", "", "REAPER_AUDIENCE", "", "REAPER_SERVICE_ACCOUNT", "", "STAFF_AUDIENCE", "", "STAFF_ACCOUNTS", ""),
		refused("FUNCTION_TARGET", "administration"),
		refused("FUNCTION_TARGET", ""),
		starts("acquire", "PORT", "8080"), starts("acquire", "PORT", " 65535\n"), starts("acquire", "PORT", ""),
		refused("PORT", "acquire", "PORT", "x"), refused("PORT", "acquire", "PORT", "0"), refused("PORT", "acquire", "PORT", "65536"),
		refused("PORT", "acquire", "PORT", "-1"), refused("PORT", "acquire", "PORT", ":8080"), refused("PORT KMS_KEY", "acquire", "PORT", "http", "KMS_KEY", ""),
		refused("FUNCTION_TARGET", "acquire,release"),
		refused("KMS_KEY", "acquire", "KMS_KEY", ""),
		refused("KMS_KEY", "heartbeat", "KMS_KEY", " \t"),
		refused("KMS_ENCRYPTION_KEY", "acquire", "KMS_ENCRYPTION_KEY", ""),
		refused("KMS_ENCRYPTION_KEY", "heartbeat", "KMS_ENCRYPTION_KEY", ""),
		refused("KMS_KEY KMS_ENCRYPTION_KEY", "reaper", "KMS_KEY", "", "KMS_ENCRYPTION_KEY", ""),
		refused("KMS_KEY", "reaper", "TOKEN_SIGNING", "kms", "KMS_KEY", ""),
		starts("acquire", "TOKEN_SIGNING", "kms", "KMS_ENCRYPTION_KEY", ""), starts("acquire", "TOKEN_SIGNING", "kms"),
		starts("reaper", "TOKEN_SIGNING", "kms", "KMS_KEY", "", "KMS_ENCRYPTION_KEY", ""), starts("reaper", "TOKEN_SIGNING", "kms"),
		refused("TOKEN_SIGNING", "acquire", "TOKEN_SIGNING", "delegate"),
		refused("KMS_ENCRYPTION_KEY", "reaper", "KMS_ENCRYPTION_KEY", sealing+"/cryptoKeyVersions/1"),
		refused("REAPER_AUDIENCE REAPER_SERVICE_ACCOUNT", "reaper", "REAPER_AUDIENCE", "", "REAPER_SERVICE_ACCOUNT", ""),
		refused("STAFF_AUDIENCE STAFF_ACCOUNTS", "control", "STAFF_AUDIENCE", "", "STAFF_ACCOUNTS", ""),
	}
}

// names: ids and addresses, trimmed and well formed.
func names() []row {
	return []row{
		starts("acquire", "GOOGLE_CLOUD_PROJECT", "p\n"),
		starts("acquire", "GOOGLE_CLOUD_PROJECT", "\t acme-licenses-7 \r\n"),
		starts("acquire", "GOOGLE_CLOUD_PROJECT", "example.com:acme"),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", ""),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", "acme\nlicenses"),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", "acme\x00"),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", "acme\u200b"),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", "\ufeffacme"),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", "acme\xff"),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", "Acme"),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", "projects/acme"),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", "acme-"),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", "123456789012"),
		refused("GOOGLE_CLOUD_PROJECT", "acquire", "GOOGLE_CLOUD_PROJECT", "demo-licenses"),
		starts("acquire", "IDENTITY_PROJECT", " people "),
		refused("IDENTITY_PROJECT", "acquire", "IDENTITY_PROJECT", "peo ple"),
		refused("IDENTITY_PROJECT", "acquire", "IDENTITY_PROJECT", "demo-people"),
		starts("acquire", "FIRESTORE_DATABASE", "licenses-eu\n"), starts("acquire", "FIRESTORE_DATABASE", "(default)"),
		refused("FIRESTORE_DATABASE", "acquire", "FIRESTORE_DATABASE", "default)"),
		refused("FIRESTORE_DATABASE", "acquire", "FIRESTORE_DATABASE", "Licenses"),
		starts("acquire", "KMS_KEY", key+"\n"),
		refused("KMS_KEY", "acquire", "KMS_KEY", key+"/cryptoKeyVersions/1"),
		refused("KMS_KEY", "release", "KMS_KEY", "k"),
		refused("KMS_KEY", "acquire", "KMS_KEY", "projects/p/locations/l/keyRings/r r/cryptoKeys/k"),
		refused("KMS_KEY", "acquire", "KMS_KEY", "projects/p/locations/l/keyRings/r\n/cryptoKeys/k"),
		starts("acquire", "TOKEN_ISSUER", " https://licenses.acme.example/x "),
		refused("TOKEN_ISSUER", "acquire", "TOKEN_ISSUER", "http://licenses.coditect.ai"),
		refused("TOKEN_ISSUER", "acquire", "TOKEN_ISSUER", "https://"),
		refused("TOKEN_ISSUER", "acquire", "TOKEN_ISSUER", "https://licenses.coditect.ai/a b"),
		refused("TOKEN_ISSUER", "acquire", "TOKEN_ISSUER", "https://user@licenses.coditect.ai"),
		starts("reaper", "REAPER_AUDIENCE", " https://a , https://b ,"),
		refused("REAPER_AUDIENCE", "reaper", "REAPER_AUDIENCE", " , "),
		refused("REAPER_AUDIENCE", "reaper", "REAPER_AUDIENCE", "https://a https://b"),
		refused("REAPER_AUDIENCE", "reaper", "REAPER_AUDIENCE", "https://a\nhttps://b"),
		starts("reaper", "REAPER_SERVICE_ACCOUNT", " scheduler@p.iam.gserviceaccount.com\n"),
		refused("REAPER_SERVICE_ACCOUNT", "reaper", "REAPER_SERVICE_ACCOUNT", "scheduler"),
		refused("REAPER_SERVICE_ACCOUNT", "reaper", "REAPER_SERVICE_ACCOUNT", "S <s@example.com>"),
		refused("REAPER_SERVICE_ACCOUNT", "reaper", "REAPER_SERVICE_ACCOUNT", "eve@gmail.com"),
		refused("REAPER_SERVICE_ACCOUNT", "reaper", "REAPER_SERVICE_ACCOUNT", "S@p.iam.gserviceaccount.com"),
		refused("REAPER_SERVICE_ACCOUNT", "reaper", "REAPER_SERVICE_ACCOUNT", "s@p.iam.gserviceaccount.com.evil"),
		refused("REAPER_SERVICE_ACCOUNT", "reaper", "REAPER_SERVICE_ACCOUNT", "s@evilgserviceaccount.com"),
		refused("REAPER_SERVICE_ACCOUNT", "reaper", "REAPER_SERVICE_ACCOUNT", "serviceAccount:s@p.iam.gserviceaccount.com"),
		starts("reaper", "REAPER_SERVICE_ACCOUNT", "123-compute@developer.gserviceaccount.com"),
		refused("KMS_KEY", "acquire", "KMS_KEY", "projects/../locations/l/keyRings/r/cryptoKeys/k"),
		starts("reaper", "REAPER_IAM_CHECKED", "true"),
		starts("acquire", "CORS_ORIGINS", ""), starts("acquire", "CORS_ORIGINS", " , "),
		starts("acquire", "CORS_ORIGINS", " https://app.example.com, http://localhost:3000 ,https://xn--mnchen-3ya.example:8443\n"),
		refused("CORS_ORIGINS", "acquire", "CORS_ORIGINS", "*"),
		refused("CORS_ORIGINS", "acquire", "CORS_ORIGINS", "https://app.example.com/"),
		refused("CORS_ORIGINS", "acquire", "CORS_ORIGINS", "https://app.example.com https://b.example.com"),
		refused("CORS_ORIGINS", "acquire", "CORS_ORIGINS", "app.example.com"),
		refused("CORS_ORIGINS", "reaper", "CORS_ORIGINS", "null"),
		starts("release", "LOG_KEY", longKey), refused("LOG_KEY", "release", "LOG_KEY", "short"),
		refused("LOG_KEY", "release", "LOG_KEY", longKey+"\n"+longKey),
		refused("REAPER_IAM_CHECKED", "reaper", "REAPER_IAM_CHECKED", "true", "K_SERVICE", ""),
		refused("REAPER_IAM_CHECKED", "reaper", "REAPER_IAM_CHECKED", "true", "K_SERVICE", "\n"),
		refused("REAPER_IAM_CHECKED", "reaper", "REAPER_IAM_CHECKED", "perhaps"),
	}
}

// staff: who may open the vendor's door.
func staff() []row {
	return []row{
		starts("control", "STAFF_AUDIENCE", " https://licenses.acme.example/api/v1/control\n"),
		refused("STAFF_AUDIENCE", "control", "STAFF_AUDIENCE", "https://a https://b"),
		refused("STAFF_AUDIENCE", "control", "STAFF_AUDIENCE", "https://a,https://b"),
		refused("STAFF_AUDIENCE", "control", "STAFF_AUDIENCE", "https://a\nhttps://b"),
		starts("control", "STAFF_ACCOUNTS", " eve@vendor.example, billing@p.iam.gserviceaccount.com ,@vendor.example,\n"),
		refused("STAFF_ACCOUNTS", "control", "STAFF_ACCOUNTS", " , "),
		refused("STAFF_ACCOUNTS", "control", "STAFF_ACCOUNTS", "eve"),
		refused("STAFF_ACCOUNTS", "control", "STAFF_ACCOUNTS", "eve@vendor.example bob@vendor.example"),
		refused("STAFF_ACCOUNTS", "control", "STAFF_ACCOUNTS", "Eve@vendor.example"),
		refused("STAFF_ACCOUNTS", "control", "STAFF_ACCOUNTS", "user:eve@vendor.example"),
		refused("STAFF_ACCOUNTS", "control", "STAFF_ACCOUNTS", "@gmail.com"),
		refused("STAFF_ACCOUNTS STAFF_ACCOUNTS", "control", "STAFF_ACCOUNTS", "eve,bob@vendor.example,@"),
		starts("control", "STAFF_IAM_CHECKED", "true"),
		refused("STAFF_IAM_CHECKED", "control", "STAFF_IAM_CHECKED", "true", "K_SERVICE", ""),
		refused("STAFF_IAM_CHECKED", "control", "STAFF_IAM_CHECKED", "perhaps"),
	}
}

// redis: where the seat ledger is, and which settings go together.
func redis(ca string) []row {
	return []row{
		starts("acquire", "REDIS_ADDR", " redis:6379\n"),
		starts("acquire", "REDIS_ADDR", "redis-1:6379, redis-2:6379,redis-3:6379"),
		starts("acquire", "REDIS_CLUSTER", " true "), starts("acquire", "REDIS_CLUSTER", "false"),
		starts("acquire", "REDIS_USERNAME", "seats", "REDIS_PASSWORD", "x\n", "REDIS_TLS", "true", "REDIS_CA_PEM", ca),
		starts("acquire", "REDIS_TLS", "true", "REDIS_CA_PEM", strings.ReplaceAll(ca, "\n", `\n`)),
		starts("acquire", instance()...),
		starts("acquire", instance("MEMORYSTORE_INSTANCE", memorystore+"\n")...),
		refused("REDIS_ADDR", "acquire", "REDIS_ADDR", ""),
		refused("REDIS_ADDR", "acquire", "MEMORYSTORE_INSTANCE", memorystore),
		refused("REDIS_ADDR", "acquire", "REDIS_ADDR", "redis"),
		refused("REDIS_ADDR", "acquire", "REDIS_ADDR", ":6379"),
		refused("REDIS_ADDR", "acquire", "REDIS_ADDR", "redis:0"),
		refused("REDIS_ADDR", "acquire", "REDIS_ADDR", "redis:65536"),
		refused("REDIS_ADDR", "acquire", "REDIS_ADDR", "redis-1:6379,redis-2"),
		refused("REDIS_ADDR", "acquire", "REDIS_ADDR", "redis://redis:6379"),
		refused("REDIS_ADDR", "acquire", "REDIS_ADDR", "redis\x1b:6379"),
		refused("REDIS_CLUSTER", "acquire", "REDIS_CLUSTER", "three"),
		refused("REDIS_TLS", "acquire", "REDIS_TLS", "perhaps"),
		refused("REDIS_TLS", "acquire", "REDIS_TLS", "perhaps", "REDIS_CA_PEM", ca),
		refused("REDIS_USERNAME", "acquire", "REDIS_USERNAME", "seats"),
		refused("REDIS_PASSWORD", "acquire", "REDIS_PASSWORD", "hunter\n2"),
		refused("REDIS_PASSWORD", "acquire", "REDIS_USERNAME", "seats", "REDIS_PASSWORD", "hunter\x002"),
		refused("REDIS_CA_PEM", "acquire", "REDIS_CA_PEM", ca),
		refused("REDIS_CA_PEM", "acquire", "REDIS_TLS", "true", "REDIS_CA_PEM", "/etc/ssl/ca.pem"),
		refused("REDIS_CA_PEM", "acquire", "REDIS_TLS", "true", "REDIS_CA_PEM", strings.Replace(ca, "\n", "\n\x00", 1)),
		refused("MEMORYSTORE_INSTANCE", "acquire", instance("MEMORYSTORE_INSTANCE", "my-instance")...),
		refused("MEMORYSTORE_INSTANCE", "acquire", instance("MEMORYSTORE_INSTANCE", "projects/p/locations/l\n/instances/i")...),
		refused("REDIS_PASSWORD", "acquire", instance("REDIS_PASSWORD", "x")...),
		refused("REDIS_USERNAME REDIS_PASSWORD", "acquire", instance("REDIS_USERNAME", "u", "REDIS_PASSWORD", "x")...),
		refused("REDIS_TLS", "acquire", instance("REDIS_TLS", "true")...),
		refused("REDIS_CLUSTER", "acquire", instance("REDIS_CLUSTER", "true")...),
		refused("REDIS_CA_PEM", "acquire", instance("REDIS_CA_PEM", ca)...),
	}
}

// numbers: durations, limits, and what they promise each other.
func numbers() []row {
	return []row{
		starts("acquire", "SESSION_TTL", " 10m\n", "RATE_LIMIT_PER_USER", " 7 ", "LOG_LEVEL", "WARN\n", "CHECK_REVOKED", " true"),
		starts("acquire", "SESSION_TTL", "", "REDIS_TLS", "", "LOG_LEVEL", ""),
		refused("SESSION_TTL", "acquire", "SESSION_TTL", "6"),
		refused("SESSION_TTL", "acquire", "SESSION_TTL", "six"),
		refused("SESSION_TTL", "acquire", "SESSION_TTL", "6m\x01"),
		refused("SESSION_TTL", "acquire", "SESSION_TTL", "25h"),
		refused("HEARTBEAT_INTERVAL", "acquire", "HEARTBEAT_INTERVAL", "3m1s"),
		refused("HEARTBEAT_INTERVAL", "acquire", "HEARTBEAT_INTERVAL", "-1s"),
		refused("HEARTBEAT_INTERVAL", "acquire", "HEARTBEAT_INTERVAL", "0"),
		refused("TOKEN_TTL TOKEN_MIN", "acquire", "TOKEN_TTL", "0s"),
		refused("TOKEN_TTL", "acquire", "TOKEN_TTL", "10000h", "TOKEN_SIGNING", "kms"),
		refused("TOKEN_MIN", "acquire", "TOKEN_MIN", "0s"), refused("TOKEN_MIN", "acquire", "TOKEN_MIN", "61m"),
		starts("acquire", "TOKEN_TTL", "5h"), starts("heartbeat", "TOKEN_TTL", "6h", "TOKEN_SIGNING", "kms"),
		refused("TOKEN_TTL", "acquire", "TOKEN_TTL", "5h1s"),
		refused("CLOCK_TOLERANCE", "acquire", "CLOCK_TOLERANCE", "0s"),
		refused("CLOCK_TOLERANCE", "acquire", "CLOCK_TOLERANCE", "600ms"),
		refused("ENTITLEMENT_CACHE_TTL", "acquire", "ENTITLEMENT_CACHE_TTL", "-1s"),
		refused("KEY_ACTIVATION_DELAY", "acquire", "KEY_ACTIVATION_DELAY", "360s"),
		starts("acquire", "KEY_ACTIVATION_DELAY", "45m"), refused("KEY_ACTIVATION_DELAY", "heartbeat", "KEY_ACTIVATION_DELAY", "46m"),
		starts("release", "KEY_ACTIVATION_DELAY", "24h"), starts("acquire", "KEY_ACTIVATION_DELAY", "24h", "TOKEN_SIGNING", "kms"),
		refused("REQUEST_DEADLINE", "acquire", "REQUEST_DEADLINE", "6m"),
		refused("BACKEND_DEADLINE", "acquire", "REQUEST_DEADLINE", "4s"),
		refused("BACKEND_DEADLINE", "acquire", "SESSION_TTL", "19s", "HEARTBEAT_INTERVAL", "5s", "CLOCK_TOLERANCE", "4s"),
		refused("BACKEND_DEADLINE", "acquire", "BACKEND_DEADLINE", "0s"),
		refused("REDIS_DEADLINE", "acquire", "REDIS_DEADLINE", "1ms"),
		refused("CIRCUIT_COOLDOWN", "acquire", "CIRCUIT_COOLDOWN", "1h"),
		refused("REAP_BUDGET", "reaper", "REAP_BUDGET", "1h"),
		refused("MAX_IN_FLIGHT", "acquire", "MAX_IN_FLIGHT", "-1"),
		refused("RATE_LIMIT_PER_USER", "acquire", "RATE_LIMIT_PER_USER", "-1"),
		refused("RATE_LIMIT_PER_USER", "acquire", "RATE_LIMIT_PER_USER", "1e3"),
		refused("LOG_LEVEL", "acquire", "LOG_LEVEL", "loud"),
	}
}

// emulators: no variable of theirs is taken anywhere, on Cloud Run or not.
func emulators() []row {
	var rows []row
	for _, name := range []string{
		"FIREBASE_AUTH_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "DATASTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST",
		"FIREBASE_DATABASE_EMULATOR_HOST", "FIREBASE_STORAGE_EMULATOR_HOST", "SPANNER_EMULATOR_HOST", "BIGTABLE_EMULATOR_HOST",
		"CLOUD_TASKS_EMULATOR_HOST", "STORAGE_EMULATOR_HOST_GRPC", "DATASTORE_EMULATOR_HOST_PATH", "FIREBASE_EMULATOR_HUB", "FUNCTIONS_EMULATOR",
	} {
		rows = append(rows, refused(name, "acquire", name, "localhost:9099"), refused(name, "release", name, " ", "K_SERVICE", ""),
			starts("acquire", name, ""))
	}
	return append(rows, starts("acquire", "FIRESTORE_EMULATOR_SERVICE_HOST", "10.0.0.1")) // Kubernetes names its services so
}

// TestEnvironments: each starts the function, or is refused with exactly these
// faults, each on a line of its own that says what to do and repeats no value.
func TestEnvironments(t *testing.T) {
	rows := slices.Concat(functions(), names(), staff(), redis(certificate(t)), numbers(), emulators())
	if len(rows) < 45 {
		t.Errorf("only %d environments", len(rows))
	}
	for _, tt := range rows {
		t.Run(tt.function+" "+strings.Join(tt.changes, " "), func(t *testing.T) {
			got, err := config.Load(tt.function, environ(tt.changes...))
			if len(tt.faults) == 0 {
				if err != nil {
					t.Errorf("it is refused: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("it was taken")
			}
			var faulted []string
			for _, line := range strings.Split(err.Error(), "\n")[1:] {
				variable, rest, _ := strings.Cut(line, " ")
				faulted = append(faulted, variable)
				if !strings.Contains(rest, ": ") || strings.Contains(rest, "hunter") {
					t.Errorf("%q does not say what to do, or repeats a value", line)
				}
			}
			if !slices.Equal(faulted, tt.faults) {
				t.Errorf("faulted are %q, want %q:\n%v", faulted, tt.faults, err)
			}
			if !reflect.DeepEqual(got, config.Config{}) {
				t.Error("a configuration came with the error")
			}
		})
	}
}

// TestTrimmed: what blanks are around is not part of the value.
func TestTrimmed(t *testing.T) {
	ca := certificate(t)
	got, err := config.Load(" Acquire\n", environ("GOOGLE_CLOUD_PROJECT", "p\n", "REDIS_ADDR", " redis:6379\t", "REDIS_USERNAME", " u ",
		"REDIS_PASSWORD", " x\n", "REDIS_TLS", " true\n", "REDIS_CA_PEM", strings.ReplaceAll(ca, "\n", `\n`), "KMS_KEY", "\n"+key, "SESSION_TTL", "8m\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Function != config.Acquire || got.Project != "p" || got.IdentityProject != "p" || got.RedisAddr != "redis:6379" || got.RedisUsername != "u" ||
		got.RedisPassword.Reveal() != "x" || !got.RedisTLS || got.KMSKey != key || got.SessionTTL != 8*time.Minute {
		t.Errorf("%+v", got)
	}
	if strings.TrimSpace(got.RedisCA) != strings.TrimSpace(ca) {
		t.Errorf("CA %q, want %q", got.RedisCA, ca)
	}
}

// TestEveryVariableIsDocumented, with its default, in the table of the operations page.
func TestEveryVariableIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[config.Config]().Fields() {
		name, ok := field.Tag.Lookup("env")
		if !ok {
			continue
		}
		want := "| `" + name + "` | "
		if fallback, ok := field.Tag.Lookup("envDefault"); ok {
			want += "`" + fallback + "` | "
		}
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/operations.md has no row %q", want)
		}
	}
}

func TestDefaultsAreALoadedConfigs(t *testing.T) {
	loaded, err := config.Load("release", environ("REAPER_AUDIENCE", "", "REAPER_SERVICE_ACCOUNT", "", "KMS_KEY", "", "KMS_ENCRYPTION_KEY", "", "STAFF_AUDIENCE", "", "STAFF_ACCOUNTS", ""))
	loaded.Function, loaded.Project, loaded.IdentityProject, loaded.RedisAddr = "", "", "", ""
	if got := config.Defaults(); err != nil || !reflect.DeepEqual(got, loaded) {
		t.Errorf("%+v, want %+v (%v)", got, loaded, err)
	}
}

// certificate is one in PEM.
func certificate(t *testing.T) string {
	t.Helper()
	key, keyErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err := errors.Join(keyErr, err); err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

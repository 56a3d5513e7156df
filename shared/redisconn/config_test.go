package redisconn

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const anInstance = "projects/acme-prod/locations/europe-west1/instances/seats"

func TestValidateAcceptsWhatCanWork(t *testing.T) {
	ca := newAuthority(t).pem
	for name, cfg := range map[string]Config{
		"one address":      {Addr: "127.0.0.1:6379"},
		"IPv6":             {Addr: "[::1]:6379"},
		"seeds":            {Addr: "a:1, b:2 ,c:65535"},
		"cluster":          {Addr: "a:6379", Cluster: true},
		"password":         {Addr: "a:6379", Password: "p"},
		"TLS":              {Addr: "a:6379", TLS: true, CA: ca, Username: "u", Password: "p"},
		"instance":         {Instance: anInstance},
		"domain project":   {Instance: "projects/example.com:acme/locations/us-east1/instances/i"},
		"instance token":   {Instance: anInstance, Username: "u", Password: "p"},
		"longest timeouts": {Addr: "a:1", DialTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second},
	} {
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidateSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"nothing", Config{}, "set REDIS_ADDR"},
		{"both", Config{Addr: "a:1", Instance: anInstance}, "both set"},
		{"no port", Config{Addr: "localhost"}, `"localhost" is not host:port`},
		{"no host", Config{Addr: ":6379"}, "not host:port"},
		{"port zero", Config{Addr: "a:0"}, "not host:port"},
		{"port too large", Config{Addr: "a:65536"}, "not host:port"},
		{"port name", Config{Addr: "a:redis"}, "not host:port"},
		{"URL", Config{Addr: "redis://a:6379"}, "not host:port"},
		{"trailing comma", Config{Addr: "a:1,"}, `"" is not host:port`},
		{"short instance", Config{Instance: "seats"}, "projects/PROJECT/locations/REGION/instances/INSTANCE"},
		{"instance with a slash", Config{Instance: anInstance + "/backups/b"}, "is not of the form"},
		{"instance with a line break", Config{Instance: anInstance + "\n"}, "is not of the form"},
		{"instance of another product", Config{Instance: "projects/p/locations/l/clusters/c"}, "is not of the form"},
		{"instance with TLS", Config{Instance: anInstance, TLS: true}, "decides these itself"},
		{"instance with a CA", Config{Instance: anInstance, CA: "x"}, "decides these itself"},
		{"instance with cluster", Config{Instance: anInstance, Cluster: true}, "decides these itself"},
		{"user alone", Config{Addr: "a:1", Username: "u"}, "without REDIS_PASSWORD"},
		{"CA without TLS", Config{Addr: "a:1", CA: "x"}, "without REDIS_TLS"},
		{"CA not PEM", Config{Addr: "a:1", TLS: true, CA: "not PEM"}, "not valid PEM"},
		{"pool", Config{Addr: "a:1", PoolSize: -1}, "REDIS_POOL_SIZE"},
		{"endless reads", Config{Addr: "a:1", ReadTimeout: -1}, "REDIS_READ_TIMEOUT"},
		{"endless writes", Config{Addr: "a:1", WriteTimeout: -2}, "REDIS_WRITE_TIMEOUT"},
		{"slow dial", Config{Addr: "a:1", DialTimeout: time.Minute}, "REDIS_DIAL_TIMEOUT"},
		{"slow pool", Config{Addr: "a:1", PoolTimeout: time.Minute}, "REDIS_POOL_TIMEOUT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.cfg.Validate()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error = %v, want …%s…", err, c.want)
			}
			client, err := Dial(t.Context(), c.cfg)
			if err == nil {
				t.Errorf("Dial accepts it: %v", client.Close())
			}
		})
	}
}

func TestValidateJoinsEveryFault(t *testing.T) {
	err := Config{Addr: "nonsense,also", Username: "u", PoolSize: -1, DialTimeout: -1}.Validate()
	for _, want := range []string{`"nonsense"`, `"also"`, "REDIS_PASSWORD", "REDIS_POOL_SIZE", "REDIS_DIAL_TIMEOUT"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
}

func TestAPrintedConfigShowsNoPassword(t *testing.T) {
	for _, cfg := range []Config{{Addr: "a:1", Password: "hunter2"}, {Instance: anInstance, Password: "hunter2"}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			for _, value := range []any{cfg, &cfg, struct{ Redis Config }{cfg}} {
				if text := fmt.Sprintf(format, value); strings.Contains(text, "hunter2") {
					t.Errorf("%s of %T prints %s", format, value, text)
				}
			}
		}
	}
}

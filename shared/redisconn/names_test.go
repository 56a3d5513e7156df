package redisconn

import (
	"fmt"
	"strings"
	"testing"
)

const anInstance = "projects/acme-prod/locations/europe-west1/instances/seats"

func TestNamesThatCanWork(t *testing.T) {
	ca := newAuthority(t).pem
	for _, addresses := range []string{
		"127.0.0.1:6379", "[::1]:6379", "[fe80::1%eth0]:6379", "a:1, b:2 ,c:65535", "redis-1.internal:6379", "redis_1:6379",
	} {
		if err := CheckAddresses(addresses); err != nil {
			t.Errorf("%s: %v", addresses, err)
		}
	}
	for _, instance := range []string{anInstance, "projects/example.com:acme/locations/us-east1/instances/i"} {
		if err := CheckInstance(instance); err != nil {
			t.Errorf("%s: %v", instance, err)
		}
	}
	for _, pems := range []string{ca, ca + newAuthority(t).pem, "\n" + ca + "\n\n"} {
		if err := CheckCA(pems); err != nil {
			t.Errorf("%q: %v", pems, err)
		}
	}
}

// TestNamesThatCannotWork: the client refuses them too, should the configuration not.
func TestNamesThatCannotWork(t *testing.T) {
	good := newAuthority(t)
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"nothing", Config{}, "is not host:port: "},
		{"no port", Config{Addr: "localhost"}, "is not host:port: "},
		{"no host", Config{Addr: ":6379"}, "is not host:port"},
		{"port zero", Config{Addr: "a:0"}, "is not host:port"},
		{"port too large", Config{Addr: "a:65536"}, "is not host:port"},
		{"port name", Config{Addr: "a:redis"}, "is not host:port"},
		{"port with a sign", Config{Addr: "a:+1"}, "is not host:port"},
		{"URL", Config{Addr: "redis://:hunter2@a:6379"}, "is not host:port"},
		{"a space inside", Config{Addr: "a b:1"}, "is not host:port"},
		{"a line break inside", Config{Addr: "a\nb:1"}, "is not host:port"},
		{"trailing comma", Config{Addr: "a:1,"}, "is not host:port (address 2 of 2)"},
		{"one of several", Config{Addr: "a:1,b,c:1"}, "is not host:port (address 2 of 3)"},
		{"short instance", Config{Instance: "seats"}, "projects/PROJECT/locations/REGION/instances/INSTANCE"},
		{"instance with a slash", Config{Instance: anInstance + "/backups/b"}, "is not the name of an instance: "},
		{"instance with a line break", Config{Instance: anInstance + "\n"}, "is not the name of an instance"},
		{"instance of another product", Config{Instance: "projects/p/locations/l/clusters/c"}, "is not the name of an instance"},
		{"CA not PEM", Config{Addr: "a:1", TLS: true, CA: "not PEM"}, "is not valid PEM: "},
		{"CA and then something", Config{Addr: "a:1", TLS: true, CA: good.pem + "more"}, "is not valid PEM: "},
		{"CA with a private key", Config{Addr: "a:1", TLS: true, CA: good.pem + encodePEM("PRIVATE KEY", []byte("hunter2"))}, "has a block that is no certificate: "},
		{"CA with a broken certificate", Config{Addr: "a:1", TLS: true, CA: encodePEM("CERTIFICATE", []byte("hunter2"))}, "has a block that is no certificate: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := Dial(t.Context(), c.cfg)
			if err == nil {
				t.Fatalf("Dial accepts it: %v", client.Close())
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error = %v, want …%s…", err, c.want)
			}
		})
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

package webhook

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// TestAddresses: what may be called, and what is refused before it is written.
func TestAddresses(t *testing.T) {
	for _, url := range []string{
		"https://hooks.example.com", "https://hooks.example.com/", "https://hooks.example.com:443/a?b=c", "https://hooks.example.com:8443/a",
		"https://xn--mnchen-3ya.example.com/x", "https://93.184.216.34/hook", "https://[2606:2800:220:1:248:1893:25c8:1946]/hook", "HTTPS://Hooks.Example.COM/x",
	} {
		if fault := (Policy{}).CheckURL(url); fault != "" {
			t.Errorf("%s %s", url, fault)
		}
	}
	for _, url := range hostile() {
		if (Policy{}).CheckURL(url) == "" {
			t.Errorf("%q may be called", url)
		}
	}
}

// hostile are addresses of a kind that leads, or has led elsewhere, to what is inside.
func hostile() []string {
	urls := []string{
		"", "hooks.example.com", "//hooks.example.com", "http://hooks.example.com", "ftp://hooks.example.com", "file:///etc/passwd", "gopher://hooks.example.com",
		"https:hooks.example.com", "https:///path", "https://", "https://:443", "https://hooks.example.com:", "https://hooks.example.com:80", "https://hooks.example.com:22",
		"https://hooks.example.com:6379", "https://hooks.example.com:0", "https://hooks.example.com:65536", "https://hooks.example.com:-1",
		"https://user@hooks.example.com", "https://user:password@hooks.example.com", "https://127.0.0.1@hooks.example.com", "https://hooks.example.com#x", "https://hooks.example.com/#",
		"https://hooks.example.com\\@127.0.0.1", "https://hooks.example.com /", "https://hooks.example.com/\r\nHost: x", "https://höoks.example.com", "https://hooks.example.com/\x00",
		"https://localhost", "https://LOCALHOST", "https://localhost.", "https://x.localhost", "https://metadata.google.internal", "https://metadata", "https://db.internal", "https://printer.local",
		"https://hooks", "https://hooks.", "https://.example.com", "https://hooks..example.com", "https://" + strings.Repeat("a", MaxURL) + ".com",
		"http://127.0.0.1:8080/", "https://127.1", "https://127.0.1", "https://2130706433", "https://0x7f000001", "https://0x7f.0.0.1", "https://0177.0.0.1", "https://127.0.0.1.", "https://[fe80::1%25eth0]", "https://[::ffff:93.184.216.34]",
	}
	for _, ip := range insideIPs() {
		if strings.Contains(ip, ":") {
			ip = "[" + ip + "]"
		}
		urls = append(urls, "https://"+ip+"/")
	}
	return urls
}

// insideIPs are addresses that are nobody's on the internet.
func insideIPs() []string {
	return []string{
		"127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "169.254.0.1",
		"100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
		"2001::1", "2001:db8::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "100::1",
	}
}

// TestLocalAddresses: a local stack calls this machine, and nothing else but the internet.
func TestLocalAddresses(t *testing.T) {
	local := Policy{Local: true}
	for url, ok := range map[string]bool{
		"http://127.0.0.1:8080/hook": true, "http://127.0.0.1": true, "https://hooks.example.com": true,
		"http://localhost:8080": false, "http://127.0.0.2": false, "http://user@127.0.0.1": false, "https://10.0.0.1": false, "http://hooks.example.com": false,
	} {
		if got := local.CheckURL(url) == ""; got != ok {
			t.Errorf("%s: %t", url, got)
		}
	}
}

func TestValidate(t *testing.T) {
	w := Webhook{ID: "crm", URL: "https://hooks.example.com", Types: []event.Type{event.Pool80}}
	if err := w.Validate(); err != nil {
		t.Error(err)
	}
	w = Webhook{ID: "-", Types: []event.Type{"x", event.Pool80, event.Pool80}}
	invalid, ok := errors.AsType[*license.InvalidError](w.Validate())
	if !ok {
		t.Fatal("a broken webhook is valid")
	}
	fields := ""
	for _, f := range invalid.Faults {
		fields += f.Field + " "
	}
	if fields != "id url types.0 types.2 " {
		t.Errorf("%q", fields)
	}
}

func TestWants(t *testing.T) {
	some := Webhook{Enabled: true, Types: []event.Type{event.Pool80}}
	if !some.Wants(event.Pool80) || some.Wants(event.Pool90) || !(Webhook{Enabled: true}).Wants("of.later") || (Webhook{}).Wants(event.Pool80) {
		t.Error("wrong events are wanted")
	}
}

// TestBackoff: it grows, and jitter takes off a tenth at most.
func TestBackoff(t *testing.T) {
	var before, all time.Duration
	for n := 1; n <= 12; n++ {
		wait := Backoff(n, 0)
		if wait < before || Backoff(n, 1) != wait-wait/10 {
			t.Errorf("after %d failures %v and %v", n, wait, Backoff(n, 1))
		}
		before, all = wait, all+wait
	}
	if Backoff(0, 0) != 5*time.Second || Backoff(1, 0) != 5*time.Second || Backoff(100, 0) != 12*time.Hour {
		t.Error("the ends are wrong")
	}
}

// TestSignature has the vector that Standard Webhooks' libraries are tested with.
func TestSignature(t *testing.T) {
	secret := Secret(mustDecode(t, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
	h := map[string][]string{}
	Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), secret)
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if h[HeaderSignature][0] != want || h[HeaderTimestamp][0] != "1614265330" || h[HeaderID][0] != "msg_p5jXN8AQM9LWM0D4loKWxJek" {
		t.Errorf("%v", h)
	}
	if secret.String() != "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" {
		t.Error(secret.String())
	}
	Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), secret, Secret("another"))
	if got := strings.Fields(h[HeaderSignature][0]); len(got) != 2 || got[0] != want {
		t.Errorf("%q", got)
	}
}

// TestSecrets: each webhook, organization, queue, generation and key has its own, and
// after a rotation the one before signs for a day.
func TestSecrets(t *testing.T) {
	k, seen := Key("key"), map[string]bool{}
	for _, s := range []Secret{
		k.Secret("acme", "q", 1), k.Secret("acme", "q", 2), k.Secret("acme", "r", 1), k.Secret("globex", "q", 1), Key("other").Secret("acme", "q", 1), k.Secret("acme\nq", "", 1),
	} {
		if len(s) != 32 || seen[s.String()] {
			t.Errorf("%s", s)
		}
		seen[s.String()] = true
	}
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	w := Webhook{Queue: "q", Generation: 2, RotatedAt: at}
	for now, want := range map[time.Time]int{at: 2, at.Add(Overlap - time.Second): 2, at.Add(Overlap): 1} {
		got := k.Secrets("acme", w, now)
		if len(got) != want || got[0].String() != k.Secret("acme", "q", 2).String() {
			t.Errorf("%v: %v", now, got)
		}
	}
	if w.Generation = 1; len(k.Secrets("acme", w, at)) != 1 {
		t.Error("the first secret has one before it")
	}
	if fmt.Sprint(k.Secrets("acme", w, at)[0]) != k.Secret("acme", "q", 1).String() {
		t.Error("another secret")
	}
}

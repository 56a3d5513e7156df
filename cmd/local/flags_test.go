package main

import (
	"errors"
	"flag"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	got, err := parseFlags(nil, noEnv)
	want := flags{
		Addr: "127.0.0.1:8080", SessionTTL: 6 * time.Minute, HeartbeatInterval: 2 * time.Minute, TokenTTL: time.Hour,
		ReapEvery: time.Minute, EntitlementCacheTTL: 30 * time.Second,
	}
	if err != nil || got != want {
		t.Errorf("defaults: %+v, %v; want %+v", got, err, want)
	}
	for _, tt := range []struct {
		args string
		ok   bool
	}{
		{"--addr 127.0.0.1:0 --redis a:1,b:2 --firestore c:3 --session-ttl 2s --heartbeat-interval 1s --token-ttl 5m --reap-every 0 --entitlement-cache-ttl 0 -v", true},
		{"--session-ttl 100ms", true},
		{"--session-ttl 99ms", false},
		{"--session-ttl 0", false},
		{"--session-ttl -6m", false},
		{"--session-ttl 6", false},
		{"--token-ttl 999ms", false},
		{"--heartbeat-interval 0", false},
		{"--heartbeat-interval -1s", false},
		{"--reap-every -1s", false},
		{"--entitlement-cache-ttl -1s", false},
		{"--cors-origins http://localhost:3000,https://app.example.com", true},
		{"--cors-origins *", false},
		{"--cors-origins http://localhost:3000/", false},
		{"--nonsense", false},
		{"extra", false},
	} {
		if _, err := parseFlags(strings.Fields(tt.args), noEnv); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.args, err)
		}
	}
}

// TestFlagsAreTakenAsGiven, with one dash or two, and with = or a blank.
func TestFlagsAreTakenAsGiven(t *testing.T) {
	want := flags{
		Addr: "127.0.0.1:0", Redis: "a:1,b:2", Firestore: "c:3", SessionTTL: 2 * time.Second, HeartbeatInterval: time.Second,
		TokenTTL: 5 * time.Minute, Verbose: true,
	}
	for _, args := range []string{
		"--addr 127.0.0.1:0 --redis a:1,b:2 --firestore c:3 --session-ttl 2s --heartbeat-interval 1s --token-ttl 5m --reap-every 0 --entitlement-cache-ttl 0 --verbose",
		"-addr=127.0.0.1:0 -redis=a:1,b:2 -firestore=c:3 -session-ttl=2s -heartbeat-interval=1s -token-ttl=5m -reap-every=0 -entitlement-cache-ttl=0 -v",
	} {
		if got, err := parseFlags(strings.Fields(args), noEnv); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", args, got, err, want)
		}
	}
}

// TestOriginsOfTheEnvironment: as the deployed function has them; the flag wins.
func TestOriginsOfTheEnvironment(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"CORS_ORIGINS": " http://localhost:3000, https://app.example.com,"}[name]
	}
	for args, want := range map[string]string{
		"": "http://localhost:3000|https://app.example.com", "--cors-origins http://localhost:5173": "http://localhost:5173", "--cors-origins=": "",
	} {
		if f, err := parseFlags(strings.Fields(args), env); err != nil || strings.Join(f.origins(), "|") != want {
			t.Errorf("%q: %q, %v; want %q", args, f.origins(), err, want)
		}
	}
	if _, err := parseFlags(nil, func(string) string { return "*" }); err == nil {
		t.Error("a wildcard is taken")
	}
}

// TestFlagErrors say which flag, and what is wrong with it.
func TestFlagErrors(t *testing.T) {
	for args, want := range map[string]string{
		"--session-ttl 6":             `session-ttl: time: missing unit in duration "6"`,
		"--nonsense":                  "nonsense",
		"extra":                       "unexpected argument extra",
		"-v extra --addr x":           "unexpected argument extra",
		"--addr":                      "addr",
		"--session-ttl 1ms":           "--session-ttl must be at least 100ms, --token-ttl at least 1s, --heartbeat-interval above 0",
		"--entitlement-cache-ttl=-1s": "--reap-every and --entitlement-cache-ttl must not be below 0",
	} {
		if _, err := parseFlags(strings.Fields(args), noEnv); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

// TestHelpNamesEachFlagWithItsDefault, and no other.
func TestHelpNamesEachFlagWithItsDefault(t *testing.T) {
	defaults, err := parseFlags(nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	described := regexp.MustCompile(`(?s)--([a-z-]+) [A-Z:]+ +[^-]*`).FindAllStringSubmatch(help, -1)
	preset := regexp.MustCompile(`\(default\s+([^)]*)\)`)
	presets := 0
	for _, d := range described {
		value := ""
		if m := preset.FindStringSubmatch(d[0]); m != nil {
			presets++
			value = m[1]
		}
		if got, err := parseFlags([]string{"--" + d[1] + "=" + value}, noEnv); err != nil || got != defaults {
			t.Errorf("--%s %q is not the default: %v", d[1], value, err)
		}
	}
	// The flag for verbose takes no value.
	if fields := reflect.TypeFor[flags]().NumField(); len(described) != fields-1 || presets != 6 || !strings.Contains(help, "-v, --verbose ") {
		t.Errorf("help describes %d flags with a value, %d of them with a default: %q", len(described), presets, described)
	}
	for line := range strings.Lines(help) {
		if len(line) > 81 {
			t.Errorf("too wide for a terminal: %q", line)
		}
	}
}

// TestHelp is printed where programs that read it expect it, and is no failure.
func TestHelp(t *testing.T) {
	for _, arg := range []string{"--help", "-help", "-h"} {
		if _, err := parseFlags([]string{arg}, noEnv); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v", arg, err)
		}
	}
	p := start(t, "--help")
	out, _ := io.ReadAll(p.out)
	if err := p.cmd.Wait(); err != nil || string(out) != help || p.stderr.Len() > 0 {
		t.Errorf("%v, printed %q and %q", err, out, &p.stderr)
	}
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// flags are what the command line chooses.
type flags struct {
	Addr                string
	Redis               string
	Firestore           string
	SessionTTL          time.Duration
	HeartbeatInterval   time.Duration
	TokenTTL            time.Duration
	ReapEvery           time.Duration
	EntitlementCacheTTL time.Duration
	Origins             string
	Verbose             bool
}

// help is what --help prints; a test compares it with the flags.
const help = `Usage: local [flags]

The floating-license service on one local address.

  --addr HOST:PORT                 Address to listen on
                                   (default 127.0.0.1:8080).
  --redis HOST:PORT                A real Redis or Valkey (comma-separated for a
                                   cluster); without it: embedded.
  --firestore HOST:PORT            The official Firestore emulator; without it:
                                   in memory.
  --session-ttl DURATION           How long a seat is kept without a heartbeat
                                   (default 6m).
  --heartbeat-interval DURATION    How often clients are told to send one
                                   (default 2m).
  --token-ttl DURATION             How long a license token is good
                                   (default 1h).
  --reap-every DURATION            How often the reaper runs by itself; 0: never
                                   (default 1m).
  --entitlement-cache-ttl DURATION How long entitlements are kept in memory;
                                   0: not at all (default 30s).
  --cors-origins ORIGINS           Origins, separated by commas, whose pages may
                                   take seats in a browser, such as
                                   http://localhost:3000. Without it: those of
                                   CORS_ORIGINS in the environment.
  -v, --verbose                    Log every request, as on Cloud Run; failures
                                   and refusals are logged in any case.
  -h, --help                       Print this.

A duration is a number with its unit, such as 100ms, 30s, 6m or 1h.
`

// parseFlags reads the arguments after the command's name, and what the
// environment has of the deployed function's settings. The error is [flag.ErrHelp]
// where the arguments ask for help.
func parseFlags(args []string, getenv func(string) string) (flags, error) {
	var f flags
	set := flag.NewFlagSet("local", flag.ContinueOnError)
	set.SetOutput(io.Discard) // main says what is wrong, once
	set.StringVar(&f.Addr, "addr", "127.0.0.1:8080", "")
	set.StringVar(&f.Redis, "redis", "", "")
	set.StringVar(&f.Firestore, "firestore", "", "")
	duration(set, &f.SessionTTL, "session-ttl", 6*time.Minute)
	duration(set, &f.HeartbeatInterval, "heartbeat-interval", 2*time.Minute)
	duration(set, &f.TokenTTL, "token-ttl", time.Hour)
	duration(set, &f.ReapEvery, "reap-every", time.Minute)
	duration(set, &f.EntitlementCacheTTL, "entitlement-cache-ttl", 30*time.Second)
	set.StringVar(&f.Origins, "cors-origins", getenv("CORS_ORIGINS"), "")
	set.BoolVar(&f.Verbose, "verbose", false, "")
	set.BoolVar(&f.Verbose, "v", false, "")
	if err := set.Parse(args); err != nil {
		return flags{}, err
	}
	if set.NArg() > 0 {
		return flags{}, fmt.Errorf("unexpected argument %s", set.Arg(0))
	}
	return f, f.validate()
}

// duration is like [flag.FlagSet.DurationVar], whose "parse error" does not say
// that the unit is missing.
func duration(set *flag.FlagSet, into *time.Duration, name string, preset time.Duration) {
	*into = preset
	set.Func(name, "", func(text string) (err error) {
		*into, err = time.ParseDuration(text)
		return err
	})
}

// origins are what stands between the commas.
func (f flags) origins() []string {
	var entries []string
	for entry := range strings.SplitSeq(f.Origins, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return entries
}

func (f flags) validate() error {
	for _, origin := range f.origins() {
		if err := web.CheckOrigin(origin); err != nil {
			return fmt.Errorf("--cors-origins: %s %w", origin, err)
		}
	}
	if f.SessionTTL < 100*time.Millisecond || f.TokenTTL < time.Second || f.HeartbeatInterval <= 0 {
		return errors.New("--session-ttl must be at least 100ms, --token-ttl at least 1s, --heartbeat-interval above 0")
	}
	if f.ReapEvery < 0 || f.EntitlementCacheTTL < 0 {
		return errors.New("--reap-every and --entitlement-cache-ttl must not be below 0")
	}
	return nil
}

package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/coditect-ai/coditect-licenses/shared/ledger"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// revision3 runs the scripts of version 3 of a session's data as the revisions before
// tokens were counted did, on acme's keys. They are frozen in testdata/revision3.
type revision3 struct {
	*testing.T
	client redis.UniversalClient
}

func (r revision3) run(script string, args ...any) ([]any, error) {
	r.Helper()
	var source strings.Builder
	for _, name := range []string{"prelude", "session", "organization", "members", script} {
		b, err := os.ReadFile(filepath.Join("testdata", "revision3", name+".lua"))
		if err != nil {
			r.Fatal(err)
		}
		source.Write(b)
	}
	all := append([]any{"f00d", 0, 0}, args...)
	return r.client.Eval(r.Context(), source.String(), []string{e}, all...).Slice()
}

// reserve takes a seat of pro, or finds it.
func (r revision3) reserve(session, holder, user string) ([]any, error) {
	return r.run("reserve", 0, session, user+"\thw\ti", sessionTTL.Milliseconds(), time.Hour.Milliseconds(), 400, "pro", holder, 0, 1, "pro", 1)
}

func (r revision3) beat(session string) ([]any, error) {
	return r.run("heartbeat", 0, session, "ann", sessionTTL.Milliseconds(), time.Hour.Milliseconds(), 0)
}

const newer = int64(2) // the code of an answer about a newer revision's ledger

// TestARollingUpgradeFromRevision3: both revisions at work on one Redis. Nobody loses a
// seat, none is sold twice, and a token that was made before counts until it ends.
func TestARollingUpgradeFromRevision3(t *testing.T) {
	eachServer(t, func(t *testing.T, c redis.UniversalClient, _ func()) {
		old := revision3{t, c}
		l, err := ledger.NewRedis(c, ledger.RedisOptions{SessionTTL: sessionTTL, TokenTTL: time.Hour, Deadline: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		asked, err := old.run("known")
		if err != nil || len(asked) < 4 {
			t.Fatal(asked, err)
		}
		if _, err := old.run("load", "1.f00df00d", asked[3], sessionTTL.Milliseconds()); err != nil {
			t.Fatal(err)
		}
		if answer, err := old.reserve("s-1", "holder-of-ann", "ann"); err != nil || answer[0] != int64(0) {
			t.Fatal(answer, err)
		}
		if _, err := l.Heartbeat(t.Context(), user("ann"), ledger.Heartbeat{SessionID: "s-1"}); !errors.As(err, new(*ledger.RebuildError)) {
			t.Fatalf("error = %v, want a call for a rebuild", err)
		}
		if answer, err := old.beat("s-1"); err != nil || answer[0] != int64(0) {
			t.Errorf("before it is rebuilt the older revision keeps the seat: %v, %v", answer, err)
		}
		now := time.Now()
		s := license.Session{ID: "s-1", AcquiredAt: now, LastHeartbeatAt: now, Holder: license.Holder{LicenseID: "pro", UserID: "ann", HardwareID: "hw", InstanceID: "i"}}
		stageAll(t, l, 2, s)
		keeps(t, l, "the rebuild")
		calls := map[string]func() ([]any, error){
			"heartbeat": func() ([]any, error) { return old.beat("s-1") },
			"reserve":   func() ([]any, error) { return old.reserve("s-2", "holder-of-bob", "bob") },
			"mark":      func() ([]any, error) { return old.run("mark", "s-1", "ann", "released", "", 0) },
			"remove":    func() ([]any, error) { return old.run("remove", "session", "s-1", "holder-of-ann", 1) },
			"visit":     func() ([]any, error) { return old.run("visit", 10) },
			"known":     func() ([]any, error) { return old.run("known", "s-1") },
		}
		for name, call := range calls {
			if answer, err := call(); err != nil || answer[0] != newer {
				t.Errorf("%s is answered %v, %v", name, answer, err)
			}
			keeps(t, l, name)
		}
		marked, err := l.Mark(t.Context(), user("ann"), ledger.Mark{SessionID: "s-1", UserID: "ann", Own: license.EndReleased})
		if err != nil || marked.TokenEnds.Sub(now) < 59*time.Minute {
			t.Errorf("ann's token, made for an hour, is taken to end at %s, %v", marked.TokenEnds, err)
		}
	})
}

// stageAll rebuilds acme's ledger of exactly these sessions of pro.
func stageAll(t *testing.T, l ledger.Ledger, number int64, sessions ...license.Session) {
	t.Helper()
	var chunk ledger.Chunk
	for _, s := range sessions {
		chunk.Members = append(chunk.Members, ledger.Member{Session: s, Pools: []string{"pro"}})
	}
	nonce, service := rebuildNonce(t, l), license.ServiceCaller(acme)
	if err := errors.Join(
		l.Stage(t.Context(), service, nonce, epochOf(number), chunk),
		l.Load(t.Context(), service, nonce, epochOf(number)),
	); err != nil {
		t.Fatal(err)
	}
}

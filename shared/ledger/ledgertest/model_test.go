package ledgertest

import (
	"testing"
	"time"
)

func openModel(t *testing.T, sessionTTL, tokenTTL time.Duration) (*Model, Subject) {
	t.Helper()
	m := NewModel(time.UnixMilli(1_800_000_000_123), sessionTTL, tokenTTL)
	return m, Subject{Ledger: m, Advance: m.Advance, Step: m.Step, Lose: m.Lose, Promote: m.Promote}
}

func TestModelKeepsTheContract(t *testing.T) {
	Run(t, func(t *testing.T, sessionTTL, tokenTTL time.Duration) Subject {
		_, s := openModel(t, sessionTTL, tokenTTL)
		return s
	})
}

func TestModelCountsUsage(t *testing.T) {
	RunUsage(t, func(t *testing.T, sessionTTL, tokenTTL time.Duration) Subject {
		_, s := openModel(t, sessionTTL, tokenTTL)
		return s
	})
}

func TestFailoverLosesTheWritesSinceReplicate(t *testing.T) {
	m, s := openModel(t, sessionTTL, tokenTTL)
	b := newBench(t, s)
	kept := b.take(want{user: "kept"})
	m.Replicate()
	b.take(want{user: "lost"})
	b.remove("session", 1, kept)
	if n := len(m.Living(acme, "pro")); n != 1 {
		t.Errorf("living = %d, want 1", n)
	}
	m.Failover()
	if n := len(m.Living(acme, "")); n != 0 {
		t.Errorf("living before the rebuild = %d, want 0", n)
	}
	nonce := b.nonce(acme)
	m.Failover()
	if b.nonce(acme) == nonce {
		t.Error("two failovers to one replica share a nonce")
	}
	m.server.tenants[acme].loadedOn = m.server.identity // look at the data as they are
	if _, err := b.beat(kept); err != nil {
		t.Errorf("what was replicated: %v", err)
	}
	if n := len(m.Living(acme, "pro")); n != 1 {
		t.Errorf("living = %d: the write since Replicate is still there", n)
	}
}

func TestFailoverWithoutReplicaIsALoss(t *testing.T) {
	m, s := openModel(t, sessionTTL, tokenTTL)
	newBench(t, s)
	m.Failover()
	if len(m.server.tenants) != 0 || m.server.identity == "" {
		t.Errorf("server = %+v", m.server)
	}
}

// Package fakeredis is the local stack's Redis: miniredis, taught the one thing
// the seat ledger asks of a server that miniredis lacks, its identity.
//
// It is judged by the same contract suite as real redis-server, which is the
// one that counts: miniredis is known to be lenient about number formats, hash
// slots and error texts.
package fakeredis

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// Server is an embedded Redis on a free loopback port.
type Server struct {
	mini *miniredis.Miniredis

	mu     sync.Mutex
	runID  string
	replID string
	now    time.Time // zero: the machine's clock
}

// Start runs a server until Close.
func Start() (*Server, error) {
	mini := miniredis.NewMiniRedis()
	if err := mini.Start(); err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	s := &Server{mini: mini, runID: identity(), replID: identity()}
	mini.Server().SetPreHook(s.info)
	return s, nil
}

// Addr is the server's host:port.
func (s *Server) Addr() string { return s.mini.Addr() }

// Close stops the server.
func (s *Server) Close() { s.mini.Close() }

// Lose plays the loss of a server: another process with nothing in it.
func (s *Server) Lose() {
	s.mu.Lock()
	s.runID, s.replID = identity(), identity()
	s.mu.Unlock()
	s.mini.FlushAll()
}

// Promote plays a fail over to a replica that had everything.
func (s *Server) Promote() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replID = identity()
}

// Advance moves the server's clock, and with it every expiry, forward.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	if s.now.IsZero() {
		s.now = time.Now()
	}
	s.now = s.now.Add(d)
	now := s.now
	s.mu.Unlock()
	s.mini.SetTime(now)
	s.mini.FastForward(d)
}

// info answers INFO with the sections the service reads; everything else is
// miniredis's own.
func (s *Server) info(c *server.Peer, cmd string, _ ...string) bool {
	if cmd != "INFO" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.WriteBulk(fmt.Sprintf("# Server\r\nredis_version:7.0.0\r\nrun_id:%s\r\n\r\n# Replication\r\nrole:master\r\nmaster_replid:%s\r\n"+
		"\r\n# Memory\r\nmaxmemory_policy:noeviction\r\n",
		s.runID, s.replID))
	return true
}

// identity is 40 hexadecimal digits, like Redis's own.
func identity() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

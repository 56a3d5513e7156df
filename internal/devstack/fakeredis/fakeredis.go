// Package fakeredis is the local stack's Redis: miniredis, taught the two things
// the seat ledger asks of a server that miniredis lacks, its identity and the
// first line of a script that says what the script may do.
//
// It is judged by the same contract suite as real redis-server, which is the
// one that counts: miniredis is known to be lenient about number formats, hash
// slots and error texts.
package fakeredis

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // Redis' own name of a script
	"encoding/hex"
	"fmt"
	"strings"
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
	now    time.Time         // zero: the machine's clock
	plain  map[string]string // hash of a script -> hash of it without its first line's meaning
}

// Start runs a server until Close.
func Start() (*Server, error) {
	mini := miniredis.NewMiniRedis()
	if err := mini.Start(); err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	s := &Server{mini: mini, runID: identity(), replID: identity(), plain: map[string]string{}}
	mini.Server().SetPreHook(s.before)
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

// Advance moves the server's clock, which stands still from then on; d may be
// negative. No key expires by it: the seat ledger sets no expiry.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.IsZero() {
		s.now = time.Now()
	}
	s.now = s.now.Add(d)
	s.mini.SetTime(s.now)
}

// Now is what the server's clock shows.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.IsZero() {
		return time.Now()
	}
	return s.now
}

// before is called with every command; it answers some itself.
func (s *Server) before(c *server.Peer, cmd string, args ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case cmd == "INFO":
		s.info(c)
		return true
	case cmd == "EVAL" && len(args) > 0 && strings.HasPrefix(args[0], "#!"):
		script := "--" + args[0][2:]
		s.plain[hash(args[0])] = hash(script)
		args[0] = script
	case cmd == "EVALSHA" && len(args) > 0 && s.plain[args[0]] != "":
		args[0] = s.plain[args[0]]
	}
	return false
}

// hash is what EVALSHA names a script by.
func hash(script string) string {
	sum := sha1.Sum([]byte(script)) //nolint:gosec // Redis' own name of a script
	return hex.EncodeToString(sum[:])
}

// info answers INFO with the sections the service reads; everything else is
// miniredis's own.
func (s *Server) info(c *server.Peer) {
	c.WriteBulk(fmt.Sprintf("# Server\r\nredis_version:7.0.0\r\nrun_id:%s\r\n\r\n# Replication\r\nrole:master\r\nmaster_replid:%s\r\n"+
		"\r\n# Memory\r\nmaxmemory_policy:noeviction\r\n",
		s.runID, s.replID))
}

// identity is 40 hexadecimal digits, like Redis's own.
func identity() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

package servers

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports are taken from below the range from which systems choose ports for
// outgoing connections (32768 and up on Linux, 49152 and up elsewhere).
// Otherwise a server that is down for a moment could lose its port to any
// client's outgoing connection.
const (
	firstPort = 20000
	ports     = 10000
)

// FreePort returns a loopback port that nobody listens on at this moment.
// Another program may take it first, so starting a server on it may fail.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := FindPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// FindPort is [FreePort] outside of tests.
func FindPort() (int, error) {
	const attempts = 100
	for range attempts {
		port := firstPort + rand.IntN(ports) // spreads parallel test processes, guards nothing
		var listen net.ListenConfig
		listener, err := listen.Listen(context.Background(), "tcp", loopback(port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no free loopback port found")
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

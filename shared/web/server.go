package web

import (
	"net/http"
	"time"
)

const (
	// headerLimit is how long the header of a request may take to come.
	headerLimit = 10 * time.Second
	// idleLimit is above the 600 s for which Google's load balancer keeps a
	// connection: who closes first is the client, or a request is lost on its way
	// (https://docs.cloud.google.com/load-balancing/docs/https#timeout-keepalive-backends).
	idleLimit = 620 * time.Second
	// maxHeader is how large the header of a request may be, in bytes: an ID token of
	// 32 KiB and as much again. net/http's megabyte is memory that a slow client holds.
	maxHeader = 64 << 10
)

// NewServer is the server of an [App], or of several joined. Nothing stands between
// it and the handler: an [http.ServeMux] would answer paths with "//" or ".." itself
// with a redirect, and the server "OPTIONS *", without the id, the headers and the log line
// that every answer has. Slow clients cost it a bounded time each (headers here,
// bodies and answers in the App), and idle ones a bounded number of connections.
func NewServer(h http.Handler) *http.Server { return newServer(h, maxConnections) }

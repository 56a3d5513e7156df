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
)

// NewServer is the server of an [App], or of several joined. Nothing stands between
// it and the handler: an [http.ServeMux] would answer paths with "//" or ".." itself
// with a redirect, and the server "OPTIONS *", without the id, the headers and the log line
// that every answer has.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit,
		DisableGeneralOptionsHandler: true,
	}
}

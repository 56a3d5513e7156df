package web

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// maxConnections is how many connections a server keeps open: below the 4,096 files
// of a modest machine, which backends need some of, and far more than have requests
// inside. Without a bound clients that only connect take every file there is, and
// nobody else is let in.
const maxConnections = 4000

// connections bound how many connections are open. One too many costs the one that
// has been quiet for longest: on which no request is being answered, because none
// came, or its header is still on its way.
type connections struct {
	max int

	mu sync.Mutex
	// open has the place in quiet of every open connection, nil while a request of it
	// is being answered.
	open  map[net.Conn]*list.Element
	quiet list.List // of net.Conn, longest first
}

type connectionKey struct{}

// newServer is [NewServer] for so many connections.
func newServer(h http.Handler, max int) *http.Server {
	c := &connections{max: max, open: map[net.Conn]*list.Element{}}
	return &http.Server{
		Handler: c.watch(h), ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit, MaxHeaderBytes: maxHeader,
		DisableGeneralOptionsHandler: true,
		ConnState:                    c.changed,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connectionKey{}, conn)
		},
	}
}

// watch knows which connections have a request that is being answered.
func (c *connections) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(connectionKey{}).(net.Conn); ok {
			c.busy(conn)
			defer c.rest(conn)
		}
		h.ServeHTTP(w, r)
	})
}

func (c *connections) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.add(conn)
	case http.StateClosed, http.StateHijacked:
		c.remove(conn)
	case http.StateActive, http.StateIdle: // the handler knows better what is going on
	}
}

func (c *connections) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = c.quiet.PushBack(conn)
	if len(c.open) <= c.max {
		return
	}
	if longest, ok := c.quiet.Front().Value.(net.Conn); ok && longest != conn {
		c.forget(longest)
		_ = longest.Close() // net/http notices, and clears up
	}
}

func (c *connections) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(conn)
}

// forget takes the connection out; the caller holds the lock.
func (c *connections) forget(conn net.Conn) {
	if place := c.open[conn]; place != nil {
		c.quiet.Remove(place)
	}
	delete(c.open, conn)
}

// busy is the beginning of an answer.
func (c *connections) busy(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place := c.open[conn]; place != nil {
		c.quiet.Remove(place)
		c.open[conn] = nil
	}
}

// rest is its end.
func (c *connections) rest(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place, open := c.open[conn]; open && place == nil {
		c.open[conn] = c.quiet.PushBack(conn)
	}
}

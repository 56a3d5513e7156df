package functions_test

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/internal/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(servers.Main(closing{m})) }

// closing ends the common worlds before anybody looks for what they left.
type closing struct{ tests *testing.M }

func (c closing) Run() int {
	defer commons.close()
	return c.tests.Run()
}

// commons are the worlds that tests have in common: a world costs two RSA keys
// and its connections, and most tests need nothing but organizations of their own.
var commons = &commonWorlds{named: map[string]*world{}}

type commonWorlds struct {
	mu    sync.Mutex
	named map[string]*world
}

func (c *commonWorlds) get(t *testing.T, b backend) *world {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.named[b.name]
	if w == nil {
		w = open(t, b, devstack.Defaults())
		w.common = true
		c.named[b.name] = w
	}
	return w
}

func (c *commonWorlds) close() {
	for _, w := range c.named {
		w.close()
	}
}

// onCommon runs a test in the common worlds on the embedded stack and on the
// real servers. It must leave them as they were, save for organizations of its
// own; no other test runs meanwhile.
func onCommon(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	on(t, test, embedded(), lasting())
}

// onAll is onCommon, and on the cluster as well.
func onAll(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	on(t, test, embedded(), lasting(), cluster())
}

func on(t *testing.T, test func(t *testing.T, w *world), backends ...backend) {
	t.Helper()
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			w := commons.get(t, b)
			defer func() { w.outage.end(); w.kmsUp(); w.tell(t) }()
			test(t, w)
		})
	}
}

// lasting is genuine with a redis-server that no single test may end.
func lasting() backend {
	return backend{"real", func(t *testing.T, w *world) {
		w.opts.Redis, w.record = servers.SharedRedis(t), emulated(t, w)
	}}
}

// Package rig is what a torture run works with: Redis, the Firestore emulator,
// the KMS stand-in, function processes, and the proxies between them, each of
// which can be broken and mended.
package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy is one way to a backend. It keeps its address whatever happens.
type Proxy struct {
	mu    sync.Mutex
	proxy *toxiproxy.Proxy
	// broken is held by the fault that breaks it, until it is mended.
	broken sync.Mutex
}

// Claim waits until nobody else is breaking it; the answer ends the claim.
func (p *Proxy) Claim() func() {
	p.broken.Lock()
	return p.broken.Unlock
}

// newProxy listens on a free port and leads to upstream.
func newProxy(name, upstream string) (*Proxy, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{proxy: toxiproxy.NewProxy(server, name, "127.0.0.1:0", upstream)}
	if err := p.proxy.Start(); err != nil {
		return nil, fmt.Errorf("proxy %s: %w", name, err)
	}
	return p, nil
}

// Addr is where it listens.
func (p *Proxy) Addr() string { return p.proxy.Listen }

// port is the number in Addr.
func (p *Proxy) port() (int, error) {
	_, port, err := net.SplitHostPort(p.Addr())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}

// Cut refuses connections and ends those there are.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proxy.Stop()
}

// Open takes connections again, to upstream if that is not empty.
func (p *Proxy) Open(upstream string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proxy.Enabled {
		p.proxy.Stop()
	}
	if upstream != "" {
		p.proxy.Upstream = upstream
	}
	return p.proxy.Start()
}

// Slow delays both directions.
func (p *Proxy) Slow(by time.Duration) error {
	attributes := map[string]any{"latency": by.Milliseconds() / 2, "jitter": by.Milliseconds() / 4}
	return p.add("latency", attributes)
}

// Swallow takes what is sent and delivers nothing; when mended, what was
// swallowed stays lost and its connections end.
func (p *Proxy) Swallow() error { return p.add("timeout", map[string]any{"timeout": 0}) }

// Hold delivers nothing until it is mended, and then everything, late.
func (p *Proxy) Hold() error { return p.add("latency", map[string]any{"latency": 60_000}) }

// Mute lets requests through and swallows the answers.
func (p *Proxy) Mute() error { return p.toxic("timeout", "downstream", map[string]any{"timeout": 0}) }

func (p *Proxy) add(kind string, attributes map[string]any) error {
	if err := p.toxic(kind, "upstream", attributes); err != nil {
		return err
	}
	return p.toxic(kind, "downstream", attributes)
}

func (p *Proxy) toxic(kind, stream string, attributes map[string]any) error {
	text, err := json.Marshal(map[string]any{"type": kind, "stream": stream, "attributes": attributes})
	if err != nil {
		return err
	}
	if _, err = p.proxy.Toxics.AddToxicJson(bytes.NewReader(text)); err != nil {
		return fmt.Errorf("proxy %s: %s %s: %w", p.proxy.Name, kind, stream, err)
	}
	return nil
}

// Mend ends everything that Slow, Swallow, Hold and Mute did.
func (p *Proxy) Mend(ctx context.Context) { p.proxy.Toxics.ResetToxics(ctx) }

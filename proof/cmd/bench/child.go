package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// addresses is what a child writes, once it listens, as its first line.
type addresses struct {
	// Service takes the measured traffic, Control what this program asks.
	Service, Control string
}

// child is this program, started again to be measured.
type child struct {
	addresses

	cmd   *exec.Cmd
	stdin io.Closer
	gone  chan struct{}
	http  *http.Client
}

// startChild starts one of the hidden commands. It lives until its standard
// input ends, so it does not outlive this process, whatever ends that.
func startChild(ctx context.Context, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{gone: make(chan struct{}), http: &http.Client{Transport: &http.Transport{}}}
	c.cmd = exec.CommandContext(context.WithoutCancel(ctx), self, args...) //nolint:gosec // this very program
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	err = json.NewDecoder(stdout).Decode(&c.addresses)
	go func() { defer close(c.gone); _ = c.cmd.Wait() }()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not start: %w", args[0], err), c.stop())
	}
	return c, nil
}

// stop lets the child end, and makes it when it does not.
func (c *child) stop() error {
	c.http.CloseIdleConnections()
	err := c.stdin.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil // Wait has closed it: the child is gone
	}
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	select {
	case <-c.gone:
		return err
	case <-limit.C:
		err = errors.Join(err, fmt.Errorf("process %d had to be killed", c.cmd.Process.Pid), c.cmd.Process.Kill())
		<-c.gone
		return err
	}
}

// ask calls one of the child's control endpoints.
func (c *child) ask(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Control+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
	return json.NewDecoder(response.Body).Decode(out)
}

// usage is what a child has used so far.
type usage struct {
	CPU time.Duration
	// Signatures is how many the KMS stand-in has made.
	Signatures int
}

func (c *child) usage(ctx context.Context) (u usage, err error) {
	err = c.ask(ctx, pathUsage, struct{}{}, &u)
	return u, err
}

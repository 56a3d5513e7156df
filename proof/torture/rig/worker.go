package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/coditect-ai/coditect-licenses/internal/servers"
	"github.com/coditect-ai/coditect-licenses/proof/torture/worker"
)

// startLimit bounds the start of a function process on the slowest machine.
const startLimit = 3 * time.Minute

// Worker is one function process with its own ways to Firestore and KMS.
type Worker struct {
	Firestore, KMS *Proxy

	dir     string
	launch  Launch
	config  worker.Config
	process *servers.Process
	broken  sync.Mutex
	read    int64 // of its log
}

// Claim waits until nobody else is killing or pausing it; the answer ends the claim.
func (w *Worker) Claim() func() {
	w.broken.Lock()
	return w.broken.Unlock
}

// Launch starts a worker: the program, and the arguments before its configuration.
type Launch struct {
	Program string
	Args    []string
}

func newWorker(n int, dir string, launch Launch, config worker.Config, firestore, kms string) (*Worker, error) {
	w := &Worker{dir: filepath.Join(dir, "worker-"+strconv.Itoa(n)), launch: launch, config: config}
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		return nil, err
	}
	port, err := servers.FindPort()
	if err != nil {
		return nil, err
	}
	w.config.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if w.Firestore, err = newProxy("firestore-"+strconv.Itoa(n), firestore); err != nil {
		return nil, err
	}
	if w.KMS, err = newProxy("kms-"+strconv.Itoa(n), kms); err != nil {
		return nil, err
	}
	w.config.Firestore, w.config.KMS = w.Firestore.Addr(), w.KMS.Addr()
	return w, nil
}

// URL is where it serves.
func (w *Worker) URL() string { return "http://" + w.config.Addr }

// Start runs it with a clock that is ahead by skew, and waits until it listens.
func (w *Worker) Start(ctx context.Context, skew time.Duration) error {
	w.config.Skew = skew
	return w.Run(ctx, w.config)
}

// Config is what it was last started with.
func (w *Worker) Config() worker.Config { return w.config }

// Run runs it with this configuration, and waits until it listens.
func (w *Worker) Run(ctx context.Context, config worker.Config) error {
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	w.process, err = servers.StartProcess(w.dir, w.launch.Program, append(w.launch.Args, string(text))...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !w.listens(ctx) {
		select {
		case <-w.process.Exited():
			return fmt.Errorf("worker %s ended: %s", w.config.Addr, w.process.Output())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("worker %s does not listen: %s", w.config.Addr, w.process.Output()), w.process.Kill())
		case <-tick.C:
		}
	}
	return nil
}

func (w *Worker) listens(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL()+"/live", http.NoBody)
	if err != nil {
		return false
	}
	response, err := (&http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}

// Stats asks what it has in use.
func (w *Worker) Stats(ctx context.Context, client *http.Client) (s worker.Stats, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL()+worker.PathStats, http.NoBody)
	if err != nil {
		return s, err
	}
	response, err := client.Do(request)
	if err != nil {
		return s, err
	}
	err = json.NewDecoder(response.Body).Decode(&s)
	return s, errors.Join(err, response.Body.Close())
}

// Kill ends it at once.
func (w *Worker) Kill() error {
	if w.process == nil {
		return nil
	}
	return w.process.Kill()
}

// Exited is closed once the running process is gone.
func (w *Worker) Exited() <-chan struct{} { return w.process.Exited() }

// Pause stops it where it stands, Resume lets it go on.
func (w *Worker) Pause() error { return w.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (w *Worker) Resume() error { return w.signal(syscall.SIGCONT) }

// signal tells of a worker that ended by itself what it wrote last: nobody else ended it,
// as faults of one worker follow each other.
func (w *Worker) signal(s syscall.Signal) error {
	err := w.process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("worker %s ended by itself: %w; it wrote last:\n%s", w.config.Addr, err, w.process.Output())
	}
	return err
}

func (w *Worker) close() error {
	err := w.Kill()
	for _, p := range []*Proxy{w.Firestore, w.KMS} {
		if p != nil {
			p.Cut()
		}
	}
	return err
}

// Line is a warning that a worker logged, or another line that is of use.
type Line struct {
	Time                     time.Time
	Severity, Message, Error string
	Session                  string `json:"session_id"`
	Organization             string `json:"organization_id"`
	Function                 string
	Began, Ended             int64
}

// Log reads what the worker has logged since the last call, over all its lives.
func (w *Worker) Log() ([]Line, error) {
	text, err := w.unread()
	if err != nil {
		return nil, err
	}
	var lines []Line
	for raw := range bytes.Lines(text) {
		var line Line
		if json.Unmarshal(raw, &line) == nil {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// unread are the whole lines that were not read yet.
func (w *Worker) unread() ([]byte, error) {
	file, err := os.Open(filepath.Join(w.dir, "output.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(w.read, io.SeekStart); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(file)
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	w.read += int64(len(text))
	return text, err
}

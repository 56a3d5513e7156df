package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// Process is one child process with its output in a file. Its methods may be
// called from any goroutine.
type Process struct {
	pid     int
	logPath string
	exited  chan struct{} // closed once the process is gone and reaped
}

// StartProcess runs a program in dir, its output appended to dir/output.log. It
// does not outlive this process (on Linux), and ends by [Process.Kill].
//
// On Linux the child gets SIGKILL when its parent dies. "Parent" there is the
// operating system's thread that forked it (prctl(2), PR_SET_PDEATHSIG), and
// the Go runtime ends idle threads when it likes. Therefore the goroutine that
// forks keeps its thread, and stays blocked on it until the child is gone.
func StartProcess(dir, program string, args ...string) (*Process, error) {
	logPath := filepath.Join(dir, "output.log")
	output, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, args...) //nolint:noctx // ended by pid, not by a context
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, output, output
	cmd.SysProcAttr = dieWithParent()
	p := &Process{logPath: logPath, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.exited)
		err := cmd.Start()
		_ = output.Close() // the child has its own copy
		started <- err
		if err == nil {
			_ = cmd.Wait() // killed is how all of them end
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// Pid is the process id, also of a process that is gone.
func (p *Process) Pid() int { return p.pid }

// Exited is closed once the process is gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Kill ends the process at once and returns when it is gone; killing it again
// changes nothing.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	return nil
}

// Signal sends a signal to this process alone. Once the process is gone its
// number may be somebody else's: os.ErrProcessDone then, and nothing is sent.
func (p *Process) Signal(s syscall.Signal) error {
	select {
	case <-p.exited:
		return os.ErrProcessDone
	default:
	}
	if err := syscall.Kill(p.pid, s); err != nil {
		return fmt.Errorf("%s to process %d: %w", s, p.pid, err)
	}
	return nil
}

// Output returns the last part of what the process wrote, for error messages.
func (p *Process) Output() string {
	const tail = 4 << 10
	text, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-tail):])
}

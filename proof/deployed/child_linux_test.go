package deployed

import "syscall"

// dieWithParent asks the kernel to kill the child when the test process dies,
// even of SIGKILL or of a test timeout, where no cleanup runs.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

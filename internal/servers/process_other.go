//go:build !linux

package servers

import "syscall"

// diesWithParent says whether [dieWithParent] keeps its promise here.
const diesWithParent = false

// dieWithParent has no counterpart outside Linux: there a killed test process
// may leave its servers behind.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

//go:build !linux

package deployed

import "syscall"

// dieWithParent has no counterpart outside Linux: there a killed test process
// may leave its children behind.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

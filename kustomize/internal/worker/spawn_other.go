//go:build !linux

package worker

import (
	"os"
	"syscall"
)

// isolation is of Linux only.
type isolation int32

const bare isolation = 0

func isolated() isolation                       { return bare }
func giveUp(isolation)                          {}
func executable() (string, error)               { return os.Executable() }
func attributes(isolation) *syscall.SysProcAttr { return nil }

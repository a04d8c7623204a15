//go:build !linux

package worker

import (
	"os"
	"syscall"
)

func namespaces() bool                     { return false }
func giveUpNamespaces()                    {}
func executable() (string, error)          { return os.Executable() }
func attributes(bool) *syscall.SysProcAttr { return nil }

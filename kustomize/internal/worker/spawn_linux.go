package worker

import (
	"os"
	"sync/atomic"
	"syscall"
)

// noNamespaces is set when the system has refused namespaces once: it will not
// change its mind, and every attempt costs a process.
var noNamespaces atomic.Bool

func namespaces() bool  { return !noNamespaces.Load() }
func giveUpNamespaces() { noNamespaces.Store(true) }

// executable is this binary even if its file was replaced by an upgrade.
func executable() (string, error) { return "/proc/self/exe", nil }

func attributes(namespaces bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if namespaces {
		attr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

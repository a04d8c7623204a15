package worker

import (
	"os"
	"sync/atomic"
	"syscall"
)

// isolation is in which namespaces of its own a child is started.
type isolation int32

const (
	bare          isolation = iota
	ownNamespaces           // user, network and IPC
	ownProcesses            // those, and process ids
)

// permitted is the most that the system gave so far: it will not change its mind,
// and every attempt costs a process.
var permitted = func() *atomic.Int32 {
	p := &atomic.Int32{}
	p.Store(int32(ownProcesses))
	return p
}()

func isolated() isolation { return isolation(permitted.Load()) }

// giveUp is told what the system refused.
func giveUp(refused isolation) { permitted.CompareAndSwap(int32(refused), int32(refused-1)) }

// executable is this binary even if its file was replaced by an upgrade.
func executable() (string, error) { return "/proc/self/exe", nil }

func attributes(i isolation) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if i == bare {
		return attr
	}
	attr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC
	if i == ownProcesses {
		attr.Cloneflags |= syscall.CLONE_NEWPID
	}
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	return attr
}

package worker

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confine takes from this process what a build does not need. Every step may
// be refused by the system it runs on; what was done is reported.
func confine(memory int64, cpu uint64) Confinement {
	var c Confinement
	c.Network = ownNetwork()
	limit := func(resource int, n uint64) bool {
		return unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: n}) == nil
	}
	limit(unix.RLIMIT_CORE, 0)
	limit(unix.RLIMIT_FSIZE, 0)
	// The soft bound lets the runtime say what happened before it ends.
	_ = unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: cpu, Max: cpu + 1})
	// Go reserves address space that it never touches: the bound is on top of
	// what stands now.
	if size, ok := addressSpace(); ok {
		c.Memory = limit(unix.RLIMIT_AS, size+uint64(memory))
	}
	c.Seccomp = filterSyscalls() == nil
	return c
}

func addressSpace() (uint64, bool) {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	var pages uint64
	if _, err := fmt.Sscan(string(data), &pages); err != nil {
		return 0, false
	}
	return pages * uint64(os.Getpagesize()), true
}

// ownNetwork reports whether there is no interface but loopback.
func ownNetwork() bool {
	data, err := os.ReadFile("/proc/self/net/dev")
	return err == nil && strings.Count(string(data), "\n") == 3 && strings.Contains(string(data), "lo:")
}

// filterSyscalls makes the kernel refuse what a build has no use for: sockets,
// opening or changing files, programs, other processes, namespaces, and the
// interfaces that are ways around a filter. It holds for every thread and needs
// no privilege, so it stands where namespaces are not permitted (in a
// container, say).
func filterSyscalls() error {
	if len(refusedSyscalls) == 0 {
		return unix.ENOSYS
	}
	filter := make([]unix.SockFilter, 0, len(refusedSyscalls)+8)
	stmt := func(code uint16, k uint32) { filter = append(filter, unix.SockFilter{Code: code, K: k}) }
	const (
		archOffset = 4
		nrOffset   = 0
	)
	stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, archOffset)
	filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: auditArch})
	stmt(unix.BPF_RET|unix.BPF_K, seccompRetKill)
	stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, nrOffset)
	// The x32 numbers are a second name for every call.
	filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, Jf: 1, K: 0x40000000})
	stmt(unix.BPF_RET|unix.BPF_K, seccompRetKill)
	for i, nr := range refusedSyscalls {
		filter = append(filter, unix.SockFilter{
			Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K,
			Jt:   uint8(len(refusedSyscalls) - i), K: uint32(nr),
		})
	}
	stmt(unix.BPF_RET|unix.BPF_K, seccompRetAllow)
	stmt(unix.BPF_RET|unix.BPF_K, seccompRetErrno|uint32(unix.EPERM))

	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, seccompSetModeFilter, seccompFlagTsync, uintptr(unsafe.Pointer(&program))) //nolint:gosec // the kernel reads a filter that lives until the call returns
	if errno != 0 {
		return errno
	}
	return nil
}

// Constants of <linux/seccomp.h>.
const (
	seccompSetModeFilter = 1
	seccompFlagTsync     = 1
	seccompRetKill       = 0x80000000
	seccompRetErrno      = 0x00050000
	seccompRetAllow      = 0x7fff0000
)

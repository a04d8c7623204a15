package worker

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// confine takes from this process what a build does not need. Every step may
// be refused by the system it runs on; what was done is reported.
func confine(memory int64, cpu uint64) Confinement {
	var c Confinement
	c.Network = ownNetwork()
	// The first process of a namespace sees no process but those that it starts.
	c.Processes = os.Getpid() == 1
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

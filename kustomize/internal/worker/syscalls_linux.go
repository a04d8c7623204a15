package worker

import (
	"os"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// allowedSyscalls are what the runtimes of Go and C need once a process stands,
// and what a build does: read and write pipes that are open, compute, end. What is
// not here fails, whatever kernels learn: sockets, files, programs, other
// processes, namespaces, keys, io_uring. Names that an architecture lacks are left
// out.
var allowedSyscalls = []string{
	"read", "write", "readv", "writev", "pread64", "close", "fcntl",
	"mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "mincore",
	"futex", "sched_yield", "sched_getaffinity", "set_robust_list", "rseq", "membarrier",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
	"nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time",
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "pipe2",
	"getpid", "gettid", "getrandom", "exit", "exit_group",
}

// namespaceFlags of clone(2): every way to stand in another namespace.
const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// policy is the allow list. A thread may be made, a process may not; a signal goes
// to this process only, which is how Go's scheduler interrupts a thread.
func policy(info *arch.Info) seccomp.Policy {
	known := func(name string) bool { _, ok := info.SyscallNames[name]; return ok }
	self := seccomp.Condition{Argument: 0, Operation: seccomp.Equal, Value: uint64(os.Getpid())}
	thread := seccomp.ArgumentConditions{
		{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD},
		{Argument: 0, Operation: seccomp.BitsNotSet, Value: namespaceFlags},
	}
	return seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{Action: seccomp.ActionAllow,
				Names: slices.DeleteFunc(slices.Clone(allowedSyscalls), func(name string) bool { return !known(name) })},
			// The arguments of clone3 are out of a filter's sight; without it the C
			// library makes its threads by clone.
			{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
			{Action: seccomp.ActionAllow, NamesWithCondtions: []seccomp.NameWithConditions{{Name: "clone", Conditions: thread}}},
			{Action: seccomp.ActionAllow,
				NamesWithCondtions: []seccomp.NameWithConditions{{Name: "tgkill", Conditions: seccomp.ArgumentConditions{self}}}},
		},
	}
}

// filterSyscalls puts every thread under the allow list. It needs no privilege, so
// it stands where namespaces are not permitted (in a container, say).
func filterSyscalls() error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	filter := seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy(info)}
	return seccomp.LoadFilter(filter)
}

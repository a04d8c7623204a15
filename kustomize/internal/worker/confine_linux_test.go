package worker

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const probeName = "bulla-confinement-probe"

func TestMain(m *testing.M) {
	MaybeRun()
	if os.Args[0] == probeName {
		probe()
	}
	os.Exit(m.Run())
}

// probe confines this process as a build is confined, and tries what a build
// has no use for. It prints what worked.
func probe() {
	parent, _ := strconv.Atoi(os.Args[1])
	// A thread that stands before the filter must be under it too.
	ready, result := make(chan bool), make(chan error)
	go func() {
		runtime.LockOSThread()
		ready <- true
		<-ready
		_, err := os.Open("/etc/passwd")
		result <- err
	}()
	<-ready
	confinement := confine(256<<20, 10)
	ready <- true
	worked := []string{}
	try := func(name string, err error) {
		if err == nil {
			worked = append(worked, name)
		}
	}
	try("open in another thread", <-result)
	for name, attempt := range attempts(parent) {
		try(name, attempt())
	}
	threads := make(chan bool) // what it does need
	for range 20 {
		go func() { runtime.LockOSThread(); threads <- true }()
	}
	for range 20 {
		<-threads
	}
	_ = json.NewEncoder(os.Stdout).Encode(struct {
		Confinement
		Worked []string
	}{confinement, worked})
	os.Exit(0)
}

// attempts are what a build has no use for.
func attempts(parent int) map[string]func() error {
	call := func(number uintptr, args ...uintptr) func() error {
		return func() error {
			var a [6]uintptr
			copy(a[:], args)
			if _, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
				return errno
			}
			return nil
		}
	}
	other := uintptr(parent)
	limit := unix.Rlimit{Cur: 1 << 40, Max: 1 << 40}
	return map[string]func() error{
		"read a file":             func() error { _, err := os.ReadFile("/etc/passwd"); return err },
		"write a file":            func() error { return os.WriteFile(os.TempDir()+"/probe", nil, 0o600) },
		"list a folder":           func() error { _, err := os.ReadDir("/"); return err },
		"look at a file":          func() error { _, err := os.Stat("/etc/passwd"); return err },
		"change an attribute":     func() error { return unix.Setxattr("/tmp", "user.x", nil, 0) },
		"dial":                    func() error { _, err := net.Dial("tcp", "127.0.0.1:1"); return onlyRefused(err) },
		"listen":                  func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err },
		"make a socket":           func() error { _, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err },
		"run a program":           func() error { return exec.Command("/bin/true").Run() },
		"replace itself":          func() error { return unix.Exec("/bin/true", []string{"true"}, nil) },
		"make a process":          call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)),
		"leave its namespaces":    func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
		"signal its parent":       call(unix.SYS_KILL, other, 0),
		"signal everybody":        call(unix.SYS_KILL, ^uintptr(0), 0),
		"signal another's thread": call(unix.SYS_TGKILL, other, other, 0),
		"signal a thread":         call(unix.SYS_TKILL, other, 0),
		"queue a signal":          call(unix.SYS_RT_SIGQUEUEINFO, other, 0, 0),
		"trace its parent":        call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, other, 0, 0),
		"read another's memory":   call(unix.SYS_PROCESS_VM_READV, other),
		"hold another process":    call(unix.SYS_PIDFD_OPEN, other),
		"raise a bound":           func() error { return unix.Prlimit(0, unix.RLIMIT_AS, &limit, nil) },
		"bound another process":   func() error { return unix.Prlimit(parent, unix.RLIMIT_CPU, nil, &limit) },
		"use io_uring":            call(unix.SYS_IO_URING_SETUP, 1),
		"use a key":               call(unix.SYS_KEYCTL),
		"load a program":          call(unix.SYS_BPF),
		"mount":                   func() error { return unix.Mount("none", "/tmp", "tmpfs", 0, "") },
		"make memory a file":      func() error { _, err := unix.MemfdCreate("x", 0); return err },
		"a call of no kernel yet": call(5000),
		"allocate past its bound": func() error {
			_, err := unix.Mmap(-1, 0, 1<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
			return err
		},
	}
}

// onlyRefused: a refused connection means that the socket was made.
func onlyRefused(err error) error {
	if err != nil && strings.Contains(err.Error(), "connection refused") {
		return nil
	}
	return err
}

func TestAConfinedProcessCanDoNothingElse(t *testing.T) {
	for _, i := range []isolation{bare, ownNamespaces, ownProcesses} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Args = []string{probeName, strconv.Itoa(os.Getpid())}
		cmd.Env = environment
		cmd.SysProcAttr = attributes(i)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("probe: %v: %s", err, out)
		}
		var got struct {
			Confinement
			Worked []string
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("probe printed %q: %v", out, err)
		}
		if len(got.Worked) != 0 || !got.Seccomp || !got.Memory {
			t.Errorf("with isolation %v: %+v; these worked: %v", i, got.Confinement, got.Worked)
		}
		if got.Network != (i >= ownNamespaces) || got.Processes != (i >= ownProcesses) {
			t.Errorf("with isolation %v: %+v", i, got.Confinement)
		}
	}
}

func TestASystemThatRefusesNamespacesIsNotAskedTwice(t *testing.T) {
	defer permitted.Store(int32(ownProcesses))
	for _, refused := range []isolation{ownProcesses, ownNamespaces} {
		giveUp(refused)
		giveUp(refused)
		if isolated() != refused-1 {
			t.Fatalf("isolation %v is tried after %v was refused", isolated(), refused)
		}
		child, err := spawn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		child.finish(false)
	}
}

package worker

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"runtime"
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
	_, err := os.ReadFile("/etc/passwd")
	try("read a file", err)
	try("write a file", os.WriteFile(os.TempDir()+"/probe", nil, 0o600))
	_, err = net.Dial("tcp", "127.0.0.1:1")
	try("dial", onlyRefused(err))
	_, err = net.Listen("tcp", "127.0.0.1:0")
	try("listen", err)
	_, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	try("make a socket", err)
	try("run a program", exec.Command("/bin/true").Run())
	try("replace itself", unix.Exec("/bin/true", []string{"true"}, nil))
	try("leave its namespaces", unix.Unshare(unix.CLONE_NEWUSER))
	try("signal its parent", unix.Kill(os.Getppid(), 0))
	try("make memory a file", func() error { _, err := unix.MemfdCreate("x", 0); return err }())
	try("allocate past its bound", func() error {
		_, err := unix.Mmap(-1, 0, 1<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		return err
	}())
	_ = json.NewEncoder(os.Stdout).Encode(struct {
		Confinement
		Worked []string
	}{confinement, worked})
	os.Exit(0)
}

// onlyRefused: a refused connection means that the socket was made.
func onlyRefused(err error) error {
	if err != nil && strings.Contains(err.Error(), "connection refused") {
		return nil
	}
	return err
}

func TestAConfinedProcessCanDoNothingElse(t *testing.T) {
	for _, namespaces := range []bool{true, false} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Args = []string{probeName}
		cmd.SysProcAttr = attributes(namespaces)
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
			t.Errorf("with namespaces %v: %+v; these worked: %v", namespaces, got.Confinement, got.Worked)
		}
		if got.Network != namespaces {
			t.Errorf("with namespaces %v the network is its own: %v", namespaces, got.Network)
		}
	}
}

func TestASystemThatRefusesNamespacesIsNotAskedTwice(t *testing.T) {
	giveUpNamespaces()
	defer noNamespaces.Store(false)
	if namespaces() {
		t.Fatal("namespaces are still tried")
	}
	child, err := spawn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	child.finish(false)
}

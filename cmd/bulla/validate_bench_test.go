package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// BenchmarkValidateAfterAChange is `bulla validate` in a repository of 500 stubs in 50
// applications, of which one file changed since it was checked last.
func BenchmarkValidateAfterAChange(b *testing.B) {
	const applications, stubs = 50, 10
	dir := b.TempDir()
	b.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, ".config"))
	root := testfleet.NewRoot(b)
	spec := root.Spec(1)
	sealer := testfleet.SealerOf(b, &spec)
	files := testfleet.Two().With(testfleet.Files{"fleet.yaml": root.File(b, &spec)})
	for app := range applications {
		name := fmt.Sprintf("app-%d", app)
		files["placements/"+name+".yaml"] = testfleet.Placement(name, "apps/"+name, name, "{clusterSet: stores}")
		files["apps/"+name+"/config.yaml"] = testfleet.ConfigMap("config")
		for n := range stubs {
			secret := testfleet.Secret{Namespace: name, Name: fmt.Sprintf("s-%d", n),
				Values: map[string]string{"password": "horse"}, Targets: []string{"set/stores"}}
			file, err := sealer.File(secret)
			if err != nil {
				b.Fatal(err)
			}
			files[fmt.Sprintf("apps/%s/s-%d.yaml", name, n)] = string(file)
		}
	}
	files.Write(b, dir)
	git := exec.Command("git", "-C", dir, "init", "-q")
	if out, err := git.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	changed := filepath.Join(dir, "apps/app-7/config.yaml")
	validate := func(n int) {
		text := strings.Replace(testfleet.ConfigMap("config"), "name: config", fmt.Sprintf("name: config-%d", n), 1)
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		var out strings.Builder
		args := []string{"bulla", "validate", "--repo", dir, "--root-key", root.Key}
		if code := run(args, strings.NewReader(""), &out, io.Discard); code != fault.OK {
			b.Fatalf("exit code %d:\n%.2000s", code, out.String())
		}
	}
	validate(-1)
	before, runs := spent(b), 0
	for ; b.Loop(); runs++ {
		validate(runs)
	}
	// What a loaded machine does not change.
	b.ReportMetric(float64((spent(b)-before).Milliseconds())/float64(runs), "cpu-ms/op")
}

// spent is the time that this process and the builds that it ran were on a processor.
func spent(b *testing.B) (all time.Duration) {
	b.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err != nil {
			b.Fatal(err)
		}
		all += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return all
}

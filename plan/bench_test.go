package plan_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/plan"
)

const (
	benchClusters = 3000
	benchApps     = 200
)

// benchFleet is a large fleet, and the same with so many applications changed.
func benchFleet(b *testing.B, changed int) (before, after string) {
	b.Helper()
	w := newWorld(b)
	files := testfleet.Files{"fleet.yaml": w.root.Fleet(b, 1), "clustersets/stores.yaml": testfleet.Set("stores")}
	for i := range benchClusters {
		name := fmt.Sprintf("shop-%04d", i)
		files["clusters/"+name+".yaml"] = testfleet.Cluster(name, "")
	}
	next := testfleet.Files{}
	for i := range benchApps {
		name := fmt.Sprintf("app-%03d", i)
		files["placements/"+name+".yaml"] = testfleet.Placement(name, "apps/"+name, name, "{clusterSet: stores}")
		files["apps/"+name+"/kustomization.yaml"] = "resources: [deployment.yaml, config.yaml, db.yaml]\n"
		files["apps/"+name+"/deployment.yaml"] = deployment("web", "volumes: [{name: v, secret: {secretName: db}}]")
		files["apps/"+name+"/config.yaml"] = testfleet.ConfigMap("config")
		files["apps/"+name+"/db.yaml"] = w.sealIn(name, "db", "set/stores")
		if i < changed {
			next["apps/"+name+"/db.yaml"] = w.sealIn(name, "db", "set/stores")
			next["apps/"+name+"/config.yaml"] = testfleet.ConfigMap("config") + "  more: x\n"
		}
	}
	before, after = b.TempDir(), b.TempDir()
	files.Write(b, before)
	files.With(next).Write(b, after)
	return before, after
}

func benchSide(b *testing.B, dir string, loader *model.Loader, now time.Time) *plan.Side {
	b.Helper()
	t, err := tree.OpenDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	s, err := plan.Open(plan.Revision{Name: dir}, t, loader, now)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkColdPlan plans with nothing known: both trees are read, and of both every
// application is built that changed. "peak-MB" is the most memory that this process had, without its children.
func BenchmarkColdPlan(b *testing.B) {
	for _, changed := range []int{5, benchApps} {
		before, after := benchFleet(b, changed)
		b.Run(fmt.Sprintf("changed=%d", changed), func(b *testing.B) {
			// 5 forgets the high-water mark (proc(5)).
			if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600); err != nil {
				b.Log("the peak is that of the whole run: ", err)
			}
			began := cpu(b)
			for b.Loop() {
				var loader model.Loader
				now := time.Now()
				p, err := plan.Between(b.Context(), benchSide(b, before, &loader, now), benchSide(b, after, &loader, now),
					plan.Options{Builder: kustomize.NewBuilder(kustomize.BuilderOptions{SlowAfter: time.Minute, Shared: true})})
				if err != nil || p.Summary.SecretsChanged != changed || p.Blocked() {
					b.Fatal(err, p.Summary, p.Blockers)
				}
			}
			b.ReportMetric((cpu(b)-began)/float64(b.N), "cpu-s/op")
			b.ReportMetric(peak(b), "peak-MB")
		})
	}
}

// stockFolder has this program be the stock kustomize for one folder.
const stockFolder = "BULLA_STOCK_KUSTOMIZE"

func maybeStock() {
	folder := os.Getenv(stockFolder)
	if folder == "" {
		return
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err == nil {
		_, err = built.AsYaml()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// BenchmarkStockKustomize builds every application of both revisions with kustomize's own
// library, in a process for each as its program is, two at a time.
func BenchmarkStockKustomize(b *testing.B) {
	before, after := benchFleet(b, benchApps)
	began := cpu(b)
	for b.Loop() {
		var group errgroup.Group
		group.SetLimit(2)
		for _, dir := range []string{before, after} {
			for i := range benchApps {
				group.Go(func() error {
					cmd := exec.CommandContext(b.Context(), os.Args[0])
					cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s/apps/app-%03d", stockFolder, dir, i))
					return cmd.Run()
				})
			}
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpu(b)-began)/float64(b.N), "cpu-s/op")
}

// cpu is what this process and its children that ended took, in seconds.
func cpu(b *testing.B) (seconds float64) {
	b.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err != nil {
			b.Fatal(err)
		}
		seconds += time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
	}
	return seconds
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

func peak(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	kB, err := strconv.ParseFloat(strings.TrimSpace(string(highWater.FindSubmatch(status)[1])), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kB / 1000
}

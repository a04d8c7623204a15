package kustomize

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// applications is a fleet of n applications with 20 stubs and a workload each,
// all on cluster "one".
func applications(n int) testfleet.Files { return applicationsOf(n, 20) }

func applicationsOf(n, stubs int) testfleet.Files {
	f := testfleet.Two()
	delete(f, "placements/app.yaml")
	delete(f, "placements/team/tool.yaml")
	for i := range n {
		name := fmt.Sprintf("app%d", i)
		f["placements/"+name+".yaml"] = testfleet.Placement(name, "apps/"+name, name, "{clusterSet: stores}")
		f["apps/"+name+"/api.yaml"] = deployment
		for j := range stubs {
			f[fmt.Sprintf("apps/%s/secret-%02d.yaml", name, j)] = testfleet.Stub(fmt.Sprintf("secret-%02d", j))
		}
	}
	return f
}

// BenchmarkBuild is one cold build of 20 stubs and a workload: one process.
func BenchmarkBuild(b *testing.B) {
	tr, m := load(b, applications(1))
	for b.Loop() {
		if _, err := NewBuilder(BuilderOptions{}).Build(b.Context(), tr, m.Placements["app0"]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBuildLarge is one build of thousands of stubs: how far [BuilderOptions.Timeout] goes.
func BenchmarkBuildLarge(b *testing.B) {
	for _, stubs := range []int{1000, 2000, 4000, maxObjects - 1} {
		b.Run(fmt.Sprintf("stubs=%d", stubs), func(b *testing.B) {
			tr, m := load(b, applicationsOf(1, stubs))
			for b.Loop() {
				builder := NewBuilder(BuilderOptions{Timeout: 10 * time.Minute})
				if _, err := builder.Build(b.Context(), tr, m.Placements["app0"]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkResolveCold is 50 applications of 20 stubs, nothing kept.
func BenchmarkResolveCold(b *testing.B) {
	tr, m := load(b, applications(50))
	for b.Loop() {
		r := NewBuilder(BuilderOptions{}).Resolve(b.Context(), tr, m, "one")
		if len(r.Owners) != 50*21 {
			b.Fatalf("%d objects: %v", len(r.Owners), r.Failing())
		}
	}
}

// BenchmarkResolveCached is the same fleet at a head that touched none of it.
func BenchmarkResolveCached(b *testing.B) {
	f := applications(50)
	tr, m := load(b, f)
	other, _ := load(b, f.With(testfleet.Files{"README.md": "new"}))
	builder := NewBuilder(BuilderOptions{})
	builder.Resolve(b.Context(), tr, m, "one")
	before := builder.Processes()
	for b.Loop() {
		tr, other = other, tr
		builder.Resolve(b.Context(), tr, m, "one")
	}
	if got := builder.Processes(); got != before {
		b.Fatalf("%d processes were started", got-before)
	}
}

// BenchmarkLoadModel is the model of 500 placements at a new head.
func BenchmarkLoadModel(b *testing.B) {
	tr := testfleet.Open(b, applications(500))
	for b.Loop() {
		if _, err := model.Load(tr); err != nil {
			b.Fatal(err)
		}
	}
}

package kustomize

import (
	"fmt"
	"testing"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

func BenchmarkBuild(b *testing.B) {
	tr := tree(b, files{"apps/app/kustomization.yaml": "resources: [a.yaml]\n", "apps/app/a.yaml": configMap("a")})
	for b.Loop() {
		if _, err := NewBuilder(BuilderOptions{}).Build(b.Context(), tr, placement()); err != nil {
			b.Fatal(err)
		}
	}
	_ = fmt.Sprint
	_ = v1alpha1.Group
}

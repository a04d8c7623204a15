// Package charts knows of the charts what a program must: which rights and definitions
// the controller's brings, and the oldest Kubernetes that it is for. The charts
// themselves are files beside it, and read by Helm.
package charts

import (
	"embed"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

//go:embed bulla-controller/Chart.yaml bulla-controller/files/*-rules.yaml bulla-controller/files/crds
var files embed.FS

// Rights are what the controller may do.
type Rights struct {
	// Own are those in its own namespace, Cluster those in all of them.
	Own, Cluster []rbacv1.PolicyRule
}

// ControllerRights are those of the controller's chart, but for what placements hold:
// that is the installation's choice.
func ControllerRights() (r Rights, err error) {
	if err := read("files/own-rules.yaml", &r.Own); err != nil {
		return r, err
	}
	return r, read("files/cluster-rules.yaml", &r.Cluster)
}

// CRDs are the definitions of the controller's chart, by file name.
func CRDs() (all []*unstructured.Unstructured, err error) {
	entries, err := files.ReadDir("bulla-controller/files/crds")
	if err != nil {
		return nil, fmt.Errorf("read the chart's definitions: %w", err)
	}
	for _, entry := range entries {
		crd := &unstructured.Unstructured{}
		if err := read("files/crds/"+entry.Name(), &crd.Object); err != nil {
			return nil, err
		}
		all = append(all, crd)
	}
	return all, nil
}

// KubeVersion is which Kubernetes the controller's chart is for, as a range of Helm's.
func KubeVersion() (string, error) {
	var chart struct {
		KubeVersion string `json:"kubeVersion"`
	}
	return chart.KubeVersion, read("Chart.yaml", &chart)
}

func read(file string, to any) error {
	data, err := files.ReadFile("bulla-controller/" + file)
	if err != nil {
		return fmt.Errorf("read the chart: %w", err)
	}
	if err := yaml.Unmarshal(data, to); err != nil {
		return fmt.Errorf("read the chart: %s: %w", file, err)
	}
	return nil
}

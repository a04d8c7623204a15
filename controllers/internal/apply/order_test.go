package apply

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatRunsGoesBeforeWhatItReadsAndNamespacesGoLast(t *testing.T) {
	ids := []ID{
		{Kind: "Namespace", Name: "ns"},
		{Kind: "Secret", Namespace: "ns", Name: "db"},
		{Group: "apps", Kind: "Deployment", Namespace: "ns", Name: "api"},
		{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "widgets.example.com"},
		{Group: "example.com", Kind: "Widget", Namespace: "ns", Name: "one"},
		{Kind: "ServiceAccount", Namespace: "ns", Name: "api"},
		{Group: "rbac.authorization.k8s.io", Kind: "Role", Namespace: "ns", Name: "api"},
		{Kind: "ConfigMap", Namespace: "ns", Name: "settings"},
		{Group: "batch", Kind: "Job", Namespace: "ns", Name: "migrate"},
		{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration", Name: "hook"},
		{Kind: "Service", Namespace: "ns", Name: "api"},
	}
	var got [][]string
	for _, stage := range Removals(ids) {
		var kinds []string
		for _, id := range stage {
			kinds = append(kinds, id.Kind)
		}
		got = append(got, kinds)
	}
	want := [][]string{
		{"ValidatingWebhookConfiguration", "Widget", "Job", "Deployment"},
		{"Service", "Secret", "ConfigMap"},
		{"Role", "ServiceAccount"},
		{"CustomResourceDefinition"},
		{"Namespace"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("removal (-want +got):\n%s", diff)
	}
}

func TestSecretsStandBeforeWhatReadsThem(t *testing.T) {
	objects := prepare(t,
		manifest(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: api, namespace: ns}}"),
		sealed(t, "db", "/data/x"),
		manifest(t, "{apiVersion: v1, kind: Namespace, metadata: {name: ns}}"),
		manifest(t, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: api, namespace: ns}}"),
		manifest(t, "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: w}}"),
	)
	var list []Object
	for _, o := range objects {
		list = append(list, o)
	}
	var got [][]string
	for _, stage := range Stages(list) {
		var kinds []string
		for _, o := range stage {
			kinds = append(kinds, o.ID.Kind)
		}
		got = append(got, kinds)
	}
	want := [][]string{{"CustomResourceDefinition", "Namespace"}, {"Secret"}, {"ServiceAccount", "Deployment"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

// Nothing is lost or sent before its kind's turn when a stage is parted.
func TestAlikePartsAStageByKind(t *testing.T) {
	of := func(kind, name string) Object { return Object{ID: ID{Kind: kind, Namespace: "ns", Name: name}} }
	stage := []Object{of("ConfigMap", "a"), of("ConfigMap", "b"), of("Service", "a"), of("ConfigMap", "c")}
	var got []string
	for alike := range Alike(stage) {
		part := ""
		for _, o := range alike {
			part += o.ID.Kind + "/" + o.ID.Name + " "
		}
		got = append(got, part)
	}
	if want := []string{"ConfigMap/a ConfigMap/b ", "Service/a ", "ConfigMap/c "}; !slices.Equal(got, want) {
		t.Errorf("parts %q, want %q", got, want)
	}
	for range Alike(nil) {
		t.Error("a part of nothing")
	}
}

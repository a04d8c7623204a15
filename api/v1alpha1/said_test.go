package v1alpha1

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAnObjectSaysItUnderFluxsNamesToo(t *testing.T) {
	type texts = map[string]string
	const fluxPrune, fluxForce = "kustomize.toolkit.fluxcd.io/prune", "kustomize.toolkit.fluxcd.io/force"
	for name, test := range map[string]struct {
		annotations, labels texts
		prune, force        string
	}{
		"nothing":               {},
		"ours":                  {texts{PruneAnnotation: "force", ForceAnnotation: "enabled"}, nil, "force", "enabled"},
		"Flux's":                {texts{fluxPrune: "disabled"}, nil, "disabled", ""},
		"Flux's, as a label":    {nil, texts{fluxForce: "Enabled"}, "", "enabled"},
		"Flux's, another word":  {texts{fluxPrune: "force"}, nil, "", ""},
		"ours is no label":      {nil, texts{PruneAnnotation: "disabled"}, "", ""},
		"ours counts first":     {texts{PruneAnnotation: "enabled", fluxPrune: "disabled"}, nil, "enabled", ""},
		"ours counts, mistyped": {texts{ForceAnnotation: "x", fluxForce: "enabled"}, nil, "", "x"},
	} {
		o := &metav1.ObjectMeta{Annotations: test.annotations, Labels: test.labels}
		if got := Said(o, PruneAnnotation); got != test.prune {
			t.Errorf("%s: prune is %q, want %q", name, got, test.prune)
		}
		if got := Said(o, ForceAnnotation); got != test.force {
			t.Errorf("%s: force is %q, want %q", name, got, test.force)
		}
	}
}

func TestAnObjectsOwnWordOnForceCountsFirst(t *testing.T) {
	for _, test := range []struct {
		key, value string
		of, want   bool
	}{
		{"", "", false, false}, {"", "", true, true},
		{ForceAnnotation, "enabled", false, true}, {ForceAnnotation, "disabled", true, false},
		{"kustomize.toolkit.fluxcd.io/force", "disabled", true, false},
	} {
		o := &metav1.ObjectMeta{Annotations: map[string]string{test.key: test.value}}
		if got := MayReplace(o, test.of); got != test.want {
			t.Errorf("%s: %q under force: %t gives %t", test.key, test.value, test.of, got)
		}
	}
}

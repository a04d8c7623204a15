package check

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/kustomize"
)

func TestAnAnnotationThatNobodyObeysIsSaid(t *testing.T) {
	for name, test := range map[string]struct{ kind, key, value, problem string }{
		"force":                     {"Secret", "bulla.dev/force", "enabled", ""},
		"force, on a plain object":  {"Job", "bulla.dev/force", "enabled", ""},
		"force, mistyped":           {"Job", "bulla.dev/force", "true", `"true" is none of enabled, disabled`},
		"force of a namespace":      {"Namespace", "bulla.dev/force", "enabled", "never replaced"},
		"force, not of a namespace": {"Namespace", "bulla.dev/force", "disabled", ""},
		"prune":                     {"Secret", "bulla.dev/prune", "disabled", ""},
		"prune, in use":             {"Secret", "bulla.dev/prune", "force", ""},
		"prune, mistyped":           {"Secret", "bulla.dev/prune", "false", "none of"},
		"take-over":                 {"Secret", "bulla.dev/take-over", "true", ""},
		"take-over, mistyped":       {"Secret", "bulla.dev/take-over", "yes", "none of"},
		"one that there is not":     {"Secret", "bulla.dev/takeover", "true", "nothing reads it"},
		"Flux's, obeyed":            {"Secret", "kustomize.toolkit.fluxcd.io/prune", "disabled", ""},
		"Flux's, not obeyed":        {"Secret", "kustomize.toolkit.fluxcd.io/ssa", "Merge", "bulla does not"},
		"somebody else's":           {"Secret", "example.com/force", "yes", ""},
	} {
		o := kustomize.Object{
			Unstructured: &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": test.kind}},
		}
		got := annotationProblem(o, test.key, test.value)
		if (got == "") != (test.problem == "") || !strings.Contains(got, test.problem) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

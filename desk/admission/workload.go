package admission

import (
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// workload is what a Deployment and its like say of their pods.
type workload struct {
	Spec struct {
		Selector *metav1.LabelSelector `json:"selector"`
		Template struct {
			Metadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
			Spec struct {
				Containers []struct{} `json:"containers"`
			} `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
}

// selectsItsPods holds a workload of apps/v1 to what no API server takes it
// without: containers, and a selector that has its own pods. A patch that says
// null for a mapping takes them away, and every field that is left is in order.
func selectsItsPods(object map[string]any) []Problem {
	var w workload
	raw, err := json.Marshal(object)
	if err != nil || json.Unmarshal(raw, &w) != nil {
		return nil // wrong types, told as such
	}
	var problems []Problem
	if len(w.Spec.Template.Spec.Containers) == 0 {
		problems = append(problems,
			problem("spec.template.spec.containers", "there are none; hint: look for a patch that says null above them"))
	}
	selector, err := metav1.LabelSelectorAsSelector(w.Spec.Selector)
	switch {
	case err != nil:
		return append(problems, problem("spec.selector", "is no selector: %v", plain(err)))
	case w.Spec.Selector == nil || selector.Empty():
		return append(problems,
			problem("spec.selector",
				"names no label; hint: write matchLabels, with labels that spec.template.metadata.labels has"))
	case !selector.Matches(labels.Set(w.Spec.Template.Metadata.Labels)):
		p := problem("spec.selector",
			"does not select its own pods: %s, and spec.template.metadata.labels has %s; hint: give both the same labels",
			selector, strings.ReplaceAll(labels.Set(w.Spec.Template.Metadata.Labels).String(), ",", ", "))
		p.Pointer = "/spec/selector"
		return append(problems, p)
	}
	return problems
}

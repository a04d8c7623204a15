package enrolment

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulla-dev/bulla/api/fault"
)

// Labels reads KEY=VALUE of the labels that cluster sets select by. flag stands before each
// in what is said of it.
func Labels(flag string, texts []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if _, twice := labels[key]; !ok || twice {
			return nil, fault.NewUsage("write "+flag+"KEY=VALUE, each key once", "%s%.300q is not a label", flag, text)
		}
		if value == "" { // no cluster has it by accident, and a selector of it is for nobody
			return nil, fault.NewUsage("write "+flag+text+"VALUE", "%s%.300q has no value", flag, text)
		}
		if problems := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...); len(problems) > 0 {
			return nil, fault.NewUsage(problems[0], "%s%.300q is not a label", flag, text)
		}
		labels[key] = value
	}
	return labels, nil
}

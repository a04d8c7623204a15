package admission

import (
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// metadata holds the parts of an object that every kind has to the rules that
// every API server has for them.
func metadata(object map[string]any) []Problem {
	meta := objectMeta(object)
	path := field.NewPath("metadata")
	errs := metav1validation.ValidateLabels(meta.Labels, path.Child("labels"))
	errs = append(errs, apivalidation.ValidateAnnotations(meta.Annotations, path.Child("annotations"))...)
	errs = append(errs, apivalidation.ValidateFinalizers(meta.Finalizers, path.Child("finalizers"))...)
	var problems []Problem
	for _, err := range errs {
		problems = append(problems, problem(err.Field, "%s", about(err)))
	}
	for _, text := range nameRule(object)(meta.Name, false) {
		problems = append(problems, problem("metadata.name", "%s", text))
	}
	return problems
}

// about is an error without the value that it is about: of annotations that
// are too long it would be all of them.
func about(err *field.Error) string {
	if err.Type == field.ErrorTypeTooLong {
		return "all annotations together are longer than 256 KiB, the most that a cluster takes"
	}
	return err.Detail
}

// objectMeta reads metadata; what has a wrong type was refused by the build.
func objectMeta(object map[string]any) metav1.ObjectMeta {
	var meta metav1.ObjectMeta
	raw, err := json.Marshal(object["metadata"])
	if err == nil {
		_ = json.Unmarshal(raw, &meta)
	}
	return meta
}

// nameRule is the rule for names of a kind. Kinds that have none here are held
// to what custom resources are.
func nameRule(object map[string]any) apivalidation.ValidateNameFunc {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	group, _, grouped := strings.Cut(apiVersion, "/")
	switch {
	case !grouped && slices.Contains([]string{"Namespace", "Service"}, kind):
		return apivalidation.NameIsDNSLabel
	case strings.HasSuffix(group, ".k8s.io"):
		// Roles and some others of these groups have names of almost any shape.
		return func(name string, _ bool) []string { return content.IsPathSegmentName(name) }
	}
	return apivalidation.NameIsDNSSubdomain
}

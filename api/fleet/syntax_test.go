package fleet

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

// spellings are texts at the borders of the syntax of names.
func spellings() []string {
	long := func(n int) string { return string(slices.Repeat([]byte("a"), n)) }
	texts := []string{
		"",
		"a",
		"-a",
		"a-",
		"a-b",
		"A",
		"a.b",
		"a..b",
		".a",
		"a.",
		"a_b",
		"_a",
		"a/b",
		"/a",
		"a/",
		"a/b/c",
		"a b",
		"ä",
		"a\n",
		"\na",
		"..",
		"...",
		"..a",
		".",
		"1",
		"0-9",
		"a.b/c",
		"a_b/c",
		"A.b/c",
		"a.b/C_d.e",
		"a.b/-c",
		"a\x00",
		"a/b\n",
	}
	for _, n := range []int{62, 63, 64, 252, 253, 254} {
		texts = append(texts, long(n), long(n)+"/a", "a/"+long(n), long(63)+"."+long(n-60), "a."+long(n))
	}
	return texts
}

// TestNamesAreThoseOfKubernetes: a file that parses here must name what the API
// server takes, and the other way round.
func TestNamesAreThoseOfKubernetes(t *testing.T) {
	for _, text := range spellings() {
		holdNames(t, text)
	}
}

func FuzzNamesAreThoseOfKubernetes(f *testing.F) {
	for _, text := range spellings() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { holdNames(t, text) })
}

func holdNames(t *testing.T, text string) {
	t.Helper()
	for name, agree := range map[string]bool{
		"label":     isLabel(text) == (len(validation.IsDNS1123Label(text)) == 0),
		"subdomain": isSubdomain(text) == (len(validation.IsDNS1123Subdomain(text)) == 0),
		"data key":  isDataKey(text) == (len(validation.IsConfigMapKey(text)) == 0),
		"key":       (len(keyProblems(text)) == 0) == (len(validation.IsQualifiedName(text)) == 0),
		"value":     (len(valueProblems(text)) == 0) == (len(validation.IsValidLabelValue(text)) == 0),
	} {
		if !agree {
			t.Errorf("%s %q: not as Kubernetes has it", name, text)
		}
	}
}

// TestSelectorsAreThoseOfKubernetes: who a set is decides who may open.
func TestSelectorsAreThoseOfKubernetes(t *testing.T) {
	for _, r := range requirements() {
		for _, more := range []map[string]string{nil, {"env": "prod"}, {"a b": "c"}} {
			holdSelector(t, LabelSelector{MatchLabels: more, MatchExpressions: []LabelSelectorRequirement{r}})
			holdSelector(t, LabelSelector{MatchLabels: more})
		}
	}
}

func requirements() []LabelSelectorRequirement {
	var all []LabelSelectorRequirement
	for _, key := range []string{"env", "tier", "", "a b", "x/env"} {
		for _, operator := range []SelectorOperator{SelectorIn, SelectorNotIn, SelectorExists, SelectorDoesNotExist, "",
			"in", "Gt"} {
			for _, values := range [][]string{nil, {}, {""}, {"prod"}, {"prod", "test"}, {"a b"}, {"prod", "-"}} {
				all = append(all, LabelSelectorRequirement{Key: key, Operator: operator, Values: values})
			}
		}
	}
	return all
}

func holdSelector(t *testing.T, ours LabelSelector) {
	t.Helper()
	theirs := &metav1.LabelSelector{MatchLabels: ours.MatchLabels}
	for _, r := range ours.MatchExpressions {
		theirs.MatchExpressions = append(theirs.MatchExpressions,
			metav1.LabelSelectorRequirement{Key: r.Key, Operator: metav1.LabelSelectorOperator(r.Operator), Values: r.Values})
	}
	selector, err := metav1.LabelSelectorAsSelector(theirs)
	if (err == nil) != (len(ours.problems()) == 0) {
		t.Errorf("%+v: problems %q, of Kubernetes %v", ours, ours.problems(), err)
	}
	for _, has := range []map[string]string{nil, {"env": "prod"}, {"env": "test", "tier": "prod"}, {"tier": ""},
		{"x/env": "prod"}, {"env": ""}} {
		want := err == nil && !selector.Empty() && selector.Matches(labels.Set(has))
		if got := ours.Matches(has); got != want {
			t.Errorf("%+v of %v: %v, want %v", ours, has, got, want)
		}
	}
}

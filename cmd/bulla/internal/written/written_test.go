package written

import "testing"

// TestAColumnIsWhereAFieldIsWritten: editors jump to it, in bytes.
func TestAColumnIsWhereAFieldIsWritten(t *testing.T) {
	const file = `kind: Placement
metadata:
  labels: {"é": ü, a.b/c: x, b: y}
spec:
  targets:
  - {clusterName: a}
  - {clusterName: B, clusterSet: c}
  -   clusterSet: d
---
spec: {other: 1}
`
	for _, test := range []struct {
		line  int
		field string
		want  int
	}{
		{3, "metadata.labels.a.b/c", 22}, // two bytes more than characters
		{3, "metadata.labels.b", 32},
		{3, "metadata.labels.gone", 3}, {3, "", 3},
		{7, "spec.targets[1]", 5}, {7, "spec.targets[1].clusterSet", 22},
		{8, "spec.targets[2].clusterSet", 7},
		{8, "spec.targets[0].clusterName", 3}, // on another line
		{8, "spec.targets[7].clusterName", 3},
		{10, "spec.other", 8}, {11, "spec", 1}, {99, "spec", 0},
	} {
		w := Of([]byte(file))
		if got := w.Column(test.line, test.field); got != test.want {
			t.Errorf("line %d, field %q: column %d, want %d", test.line, test.field, got, test.want)
		}
	}
	broken := Of([]byte("a: 1\n\tb: 2\n"))
	if got := broken.Column(2, "b"); got != 2 {
		t.Errorf("of what is no YAML, column %d, want 2", got)
	}
	if broken.Line("b") != 0 {
		t.Error("of what is no YAML, a field has a line")
	}
	for field, want := range map[string]int{
		"spec.targets[1].clusterSet": 7, "spec.targets[1].gone.a": 7, "spec.targets[9]": 5, "spec.gone": 4, "gone": 0, "": 0,
	} {
		if got := Of([]byte(file)).Line(field); got != want {
			t.Errorf("field %q is in line %d, want that of it or its nearest parent, %d", field, got, want)
		}
	}
}

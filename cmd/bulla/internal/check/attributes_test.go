package check

import "testing"

func TestAnAttributeThatConvertsIsTold(t *testing.T) {
	for line, want := range map[string]string{
		"*.yaml working-tree-encoding=UTF-16": "working-tree-encoding",
		"*.bin filter=lfs diff=lfs -text":     "filter",
		"[attr]mine ident":                    "ident",
		"*.yaml -ident !filter text eol=lf":   "",
		"# *.yaml ident":                      "",
		"ident text":                          "",
		"*.yaml identity":                     "",
		"":                                    "",
	} {
		if got := converts(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

package main

import (
	"testing"

	"sigs.k8s.io/yaml"
)

// What somebody gave as a flag is read as that text, and as nothing more of a file.
func TestAFlagsTextStaysText(t *testing.T) {
	for text, want := range map[string]string{
		"shop": "shop", "apps/shop": "apps/shop", "deployer_1.x": "deployer_1.x",
		"123": `"123"`, "1e3": `"1e3"`, "on": `"on"`, "null": `"null"`, "": `""`,
		"-": `"-"`, "a: b": `"a: b"`, "a #b": `"a #b"`, "*a": `"*a"`,
		"[a]": `"[a]"`, "a\nspec: {}": `"a\nspec: {}"`,
	} {
		got := scalar(text)
		if got != want {
			t.Errorf("%q is written %s, want %s", text, got, want)
		}
		var read struct{ Path any }
		if err := yaml.UnmarshalStrict([]byte("path: "+got+"\n"), &read); err != nil || read.Path != text {
			t.Errorf("%q is read as %v (%v)", text, read.Path, err)
		}
	}
}

package check

import (
	"bytes"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
)

// recipes checks what a stub says of how its values are made: one that cannot be read,
// or is of another key, is found out when a cluster is lost, and that is late.
func (s *stubs) recipes(file string, manifest *api.SealedManifest, keys []string) {
	recipes, err := stub.Recipes(file, manifest)
	if err != nil {
		s.recipe(file, err.Error())
		return
	}
	for key := range recipes {
		if !slices.Contains(keys, key) {
			s.recipe(file, "it says how "+key+" is made, and the stub seals no such key")
		}
	}
}

func (s *stubs) recipe(file, problem string) {
	line := 0
	if data, err := s.tree.ReadFile(file); err == nil {
		if before, _, ok := bytes.Cut(data, []byte(api.GenerateAnnotation)); ok {
			line = 1 + bytes.Count(before, []byte("\n"))
		}
	}
	s.add(Finding{Warning: true, File: file, Line: line, Field: "annotation " + api.GenerateAnnotation, Problem: problem})
}

package stub

import (
	"errors"
	"fmt"
	"maps"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// Recipes says which values of a stub a program made, and how: its annotation
// [api.GenerateAnnotation].
func Recipes(file string, s *api.SealedManifest) (values.Recipes, error) {
	recipes, err := values.ParseRecipes(s.Metadata.Annotations[api.GenerateAnnotation])
	if err != nil {
		return nil, fault.New("bulla edit "+file+" mends it: bulla.dev/generate: password=32,alnum token=40,base64url",
			"%s: metadata.annotations.%s: %w", file, api.GenerateAnnotation, err)
	}
	return recipes, nil
}

// SetRecipes writes the recipes of a stub's values into its file, which parses. Where
// nothing differs, no byte changes.
func SetRecipes(file string, data []byte, recipes values.Recipes) ([]byte, error) {
	old, err := api.ParseSealedManifest(file, data)
	if err != nil {
		return nil, err
	}
	if old.Metadata.Annotations[api.GenerateAnnotation] == recipes.String() {
		return data, nil
	}
	want := old.DeepCopy()
	want.Metadata.Annotations = maps.Clone(old.Metadata.Annotations)
	if want.Metadata.Annotations == nil {
		want.Metadata.Annotations = map[string]string{}
	}
	want.Metadata.Annotations[api.GenerateAnnotation] = recipes.String()
	if len(recipes) == 0 {
		delete(want.Metadata.Annotations, api.GenerateAnnotation)
	}
	if len(want.Metadata.Annotations) == 0 {
		want.Metadata.Annotations = nil
	}
	edited, err := setAnnotation(data, old.Metadata, want.Metadata)
	if err != nil {
		return nil, fmt.Errorf("edit %s: metadata.annotations: %w", file, err)
	}
	return edited, same(file, edited, want)
}

// setAnnotation changes as little of the text as its layout lets it: the one line, else
// the annotations, else all metadata.
func setAnnotation(data []byte, old, want api.Metadata) ([]byte, error) {
	const key = api.GenerateAnnotation
	text, stays := want.Annotations[key]
	edited, err := data, yamltext.ErrShape
	switch {
	case len(old.Annotations) > 0 && len(want.Annotations) > 0 && stays:
		edited, err = setEntry(data, map[string]any{key: text}, "metadata", "annotations", key)
	case len(old.Annotations) > 0 && len(want.Annotations) > 0:
		edited, err = yamltext.SetEntry(data, nil, "metadata", "annotations", key)
	}
	if errors.Is(err, yamltext.ErrShape) && len(want.Annotations) > 0 {
		edited, err = setEntry(data, map[string]any{"annotations": want.Annotations}, "metadata", "annotations")
	} else if errors.Is(err, yamltext.ErrShape) {
		edited, err = yamltext.SetEntry(data, nil, "metadata", "annotations")
	}
	if errors.Is(err, yamltext.ErrShape) {
		edited, err = setEntry(data, map[string]any{"metadata": want}, "metadata")
	}
	return edited, err
}

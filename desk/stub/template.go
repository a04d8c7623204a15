package stub

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// public is what a stub's template says beside values.
type public struct {
	Metadata struct {
		Labels      map[string]string `json:"labels,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
	} `json:"metadata"`
	Immutable *bool `json:"immutable,omitempty"`
}

// TakeOver writes a manifest's labels, annotations and immutable into the
// template of the stub file data. It returns the new file, and names what the
// stub has and the manifest does not: that stays.
func TakeOver(
	file string, data []byte, old *api.SealedManifest, m *values.Manifest,
) (edited []byte, stays []string, err error) {
	var has public
	if err := json.Unmarshal(old.Spec.Template, &has); err != nil {
		return nil, nil, fmt.Errorf("read template: %w", err)
	}
	labels, annotations := merged(has.Metadata.Labels, m.Labels), merged(has.Metadata.Annotations, m.Annotations)
	for _, key := range without(has.Metadata.Labels, m.Labels) {
		stays = append(stays, "label "+key)
	}
	for _, key := range without(has.Metadata.Annotations, m.Annotations) {
		stays = append(stays, "annotation "+key)
	}
	want, err := templateOf(old)
	if err != nil {
		return nil, nil, err
	}
	if !maps.Equal(labels, has.Metadata.Labels) || !maps.Equal(annotations, has.Metadata.Annotations) {
		metadata, _ := want["metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
			want["metadata"] = metadata
		}
		setMap(metadata, "labels", labels)
		setMap(metadata, "annotations", annotations)
		if data, err = setTemplate(file, data, want, "metadata"); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case m.Immutable != nil && (has.Immutable == nil || *has.Immutable != *m.Immutable):
		want["immutable"] = *m.Immutable
		if data, err = setTemplate(file, data, want, "immutable"); err != nil {
			return nil, nil, err
		}
	case m.Immutable == nil && has.Immutable != nil && *has.Immutable:
		stays = append(stays, "immutable: true")
	}
	return data, stays, nil
}

func templateOf(s *api.SealedManifest) (map[string]any, error) {
	var template map[string]any
	if err := json.Unmarshal(s.Spec.Template, &template); err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	return template, nil
}

// setTemplate writes one entry of the template, or all of it where its layout
// leaves no place for the entry alone, and reads it back.
func setTemplate(file string, data []byte, want map[string]any, key string) ([]byte, error) {
	edited, err := setEntry(data, map[string]any{key: want[key]}, "spec", "template", key)
	if errors.Is(err, yamltext.ErrShape) {
		edited, err = setEntry(data, map[string]any{"template": want}, "spec", "template")
	}
	if err != nil {
		return nil, fmt.Errorf("edit %s: %w", file, err)
	}
	got, err := api.ParseSealedManifest(file, edited)
	if err != nil {
		return nil, err
	}
	canonical, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	has, err := templateOf(got)
	if err != nil {
		return nil, err
	}
	if read, err := json.Marshal(has); err != nil || string(read) != string(canonical) {
		return nil, fmt.Errorf("edit %s: %w", file, errDiffers)
	}
	return edited, nil
}

func setEntry(data []byte, entry map[string]any, path ...string) ([]byte, error) {
	text, err := yaml.Marshal(entry)
	if err != nil {
		return nil, err
	}
	return yamltext.SetEntry(data, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), path...)
}

func merged(has, more map[string]string) map[string]string {
	all := maps.Clone(has)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	return all
}

func without(has, other map[string]string) []string {
	var rest []string
	for key := range has {
		if _, ok := other[key]; !ok {
			rest = append(rest, key)
		}
	}
	slices.Sort(rest)
	return rest
}

func setMap(metadata map[string]any, key string, values map[string]string) {
	delete(metadata, key)
	if len(values) > 0 {
		metadata[key] = values
	}
}

// Immutable reports whether the stub's Secret never changes once it is there.
func Immutable(s *api.SealedManifest) bool {
	var has public
	return json.Unmarshal(s.Spec.Template, &has) == nil && has.Immutable != nil && *has.Immutable
}

// MayReplace reports whether the stub says that its Secret may be deleted and made anew.
func MayReplace(s *api.SealedManifest) bool {
	var has public
	said := &metav1.ObjectMeta{}
	if json.Unmarshal(s.Spec.Template, &has) == nil {
		said.Annotations, said.Labels = has.Metadata.Annotations, has.Metadata.Labels
	}
	return v1alpha1.MayReplace(said, false)
}

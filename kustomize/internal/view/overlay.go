package view

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/loose"
	"github.com/bulla-dev/bulla/kustomize/reach"
)

// overlayFolder is where the kustomization lies that a placement lays over its
// folder. No tree has a folder of this name.
const overlayFolder = ".git"

var overlayFile = path.Join(overlayFolder, loose.KustomizationFile)

// overlay is the text of the kustomization that a placement lays over its folder,
// nil when it lays none. bare leaves the folder itself out: it builds nothing, which
// kustomize calls an error.
//
// It is laid over and not written into the folder's own, as Flux does it: so a field
// that both have is used twice, and never one in place of the other.
func overlay(p *api.Placement, bare bool) ([]byte, error) {
	o := p.Spec.Overlay
	k := map[string]any{}
	add := func(field string, value any, given bool) {
		if given {
			k[field] = value
		}
	}
	add("namePrefix", o.NamePrefix, o.NamePrefix != "")
	add("nameSuffix", o.NameSuffix, o.NameSuffix != "")
	add("patches", o.Patches, len(o.Patches) > 0)
	add("images", o.Images, len(o.Images) > 0)
	var components []string
	for _, component := range o.Components {
		components = append(components, fromOverlay(path.Join(p.Spec.Path, component)))
	}
	add("components", components, len(components) > 0)
	if m := o.CommonMetadata; m != nil {
		var marks []string
		for _, field := range []struct {
			kind, path string
			texts      map[string]string
		}{
			{"LabelTransformer", "metadata/labels", m.Labels},
			{"AnnotationsTransformer", "metadata/annotations", m.Annotations},
		} {
			if len(field.texts) == 0 {
				continue
			}
			mark, err := marking(field.kind, field.path, field.texts)
			if err != nil {
				return nil, err
			}
			marks = append(marks, mark)
		}
		k["transformers"] = marks
	}
	if len(k) == 0 {
		return nil, nil
	}
	k["apiVersion"], k["kind"] = "kustomize.config.k8s.io/v1beta1", "Kustomization"
	if !bare {
		k["resources"] = []string{fromOverlay(p.Spec.Path)}
	}
	return json.Marshal(k)
}

func fromOverlay(p string) string { return "../" + p }

// marking is kustomize's own transformer, held to the metadata of the objects
// themselves: a template of pods that gets a label is rolled out anew.
func marking(kind, at string, texts map[string]string) (string, error) {
	field := "labels"
	if kind == "AnnotationsTransformer" {
		field = "annotations"
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "builtin", "kind": kind, "metadata": map[string]any{"name": "common-metadata"},
		field:        texts,
		"fieldSpecs": []any{map[string]any{"path": at, "create": true}},
	})
	return string(text), err
}

// ofOverlay matches what begins a problem of the overlay: a field, and where in a list.
var ofOverlay = regexp.MustCompile(`^(patches|images|components|transformers|namePrefix|nameSuffix)\b`)

// said is a problem of the overlay in the placement's own words.
func (v *View) said(problem string) string {
	if !ofOverlay.MatchString(problem) {
		return "what the placement lays over " + v.folder + ": " + problem
	}
	problem = "spec." + problem
	if v.variant != "" {
		problem += fmt.Sprintf(" (the placement's own come first, then those of variant %q)", v.variant)
	}
	return problem
}

// Apart says whether a build that reads a file may not share its process with others: its
// kustomization has a field of which it is not known what it does. What a placement lays
// over its folder was written here, of such as are.
func (v *View) Apart(p string, data []byte) bool {
	if v.overlay != nil && p == overlayFile {
		return false
	}
	return loose.IsKustomization(path.Base(p)) && !reach.Plain(p, data)
}

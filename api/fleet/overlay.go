package fleet

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Overlay is what a placement lays over the folder that it builds, without a file
// there. kustomize does all of it but Substitute. Names are those of Flux's
// Kustomization.
type Overlay struct {
	// CommonMetadata is given to every object, over what stands there; not to
	// templates of pods and not to selectors.
	CommonMetadata *CommonMetadata `json:"commonMetadata,omitempty"`
	// NamePrefix goes before every name, and every reference to it.
	NamePrefix string `json:"namePrefix,omitempty"`
	// NameSuffix goes after every name, and every reference to it.
	NameSuffix string `json:"nameSuffix,omitempty"`
	// Patches are applied in their order, before names change.
	Patches []Patch `json:"patches,omitempty"`
	// Images replaces names, tags and digests of images.
	Images []Image `json:"images,omitempty"`
	// Components are folders with a kustomization of kind Component, as seen from Path.
	Components []string `json:"components,omitempty"`
	// Substitute gives values for ${NAME} in texts of built objects. That it stands
	// there, empty even, is what turns substitution on: see [Placement.Substitutes].
	Substitute map[string]string `json:"substitute,omitzero"`
}

// CommonMetadata is what every object of a build is marked with.
type CommonMetadata struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Patch is a strategic merge patch, or a JSON patch (RFC 6902) of what Target
// selects, as text.
type Patch struct {
	Patch  string       `json:"patch"`
	Target *PatchTarget `json:"target,omitempty"`
}

// PatchTarget selects built objects as kustomize does: group, version, kind, name and
// namespace are regular expressions that match the whole text, and selectors are
// texts of Kubernetes' form.
type PatchTarget struct {
	Group              string `json:"group,omitempty"`
	Version            string `json:"version,omitempty"`
	Kind               string `json:"kind,omitempty"`
	Name               string `json:"name,omitempty"`
	Namespace          string `json:"namespace,omitempty"`
	LabelSelector      string `json:"labelSelector,omitempty"`
	AnnotationSelector string `json:"annotationSelector,omitempty"`
}

// Image says what stands for an image of a name.
type Image struct {
	Name    string `json:"name"`
	NewName string `json:"newName,omitempty"`
	NewTag  string `json:"newTag,omitempty"`
	Digest  string `json:"digest,omitempty"`
}

// substituteName is what ${NAME} may say, as in Flux.
var substituteName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// IsSubstituteName reports whether ${NAME} may say this name.
func IsSubstituteName(name string) bool {
	return len(name) <= maxSubdomain && substituteName.MatchString(name)
}

// maxSubstitute bounds one value, in bytes: it may stand in many places.
const maxSubstitute = 4096

func checkSubstitute(p *problems, field string, values map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := field + "." + name
		switch {
		case !IsSubstituteName(name):
			p.add(at, "%q is no name for ${NAME}: letters, digits and '_', no digit first", name)
		case len(values[name]) > maxSubstitute:
			p.add(at, "is longer than %d bytes", maxSubstitute)
		}
	}
}

// namePart matches what may stand before or behind a name.
var namePart = regexp.MustCompile(`^[a-z0-9.-]*$`)

func (o *Overlay) validate(p *problems) {
	if m := o.CommonMetadata; m != nil {
		p.checkLabels("spec.commonMetadata", m.Labels, m.Annotations)
		if len(m.Labels)+len(m.Annotations) == 0 {
			p.add("spec.commonMetadata", "is empty; give labels or annotations, or take it out")
		}
	}
	for field, part := range map[string]string{"spec.namePrefix": o.NamePrefix, "spec.nameSuffix": o.NameSuffix} {
		if len(part) > maxLabel || !namePart.MatchString(part) {
			p.add(field, "%q is no part of a name: up to 63 lower-case letters, digits, '-' and '.'", part)
		}
	}
	checkPatches(p, "spec.patches", o.Patches)
	for i, image := range o.Images {
		field := fmt.Sprintf("spec.images[%d]", i)
		switch {
		case image.Name == "":
			p.add(field+".name", "is missing")
		case image.NewName == "" && image.NewTag == "" && image.Digest == "":
			p.add(field, "changes nothing; give newName, newTag or digest")
		}
	}
	if i, ok := firstDuplicate(o.Images, func(i Image) string { return i.Name }); ok {
		p.add(fmt.Sprintf("spec.images[%d].name", i), "stands twice")
	}
	if i, ok := firstDuplicate(o.Components, itself); ok {
		p.add(fmt.Sprintf("spec.components[%d]", i), "stands twice")
	}
	checkSubstitute(p, "spec.substitute", o.Substitute)
}

func checkPatches(p *problems, field string, patches []Patch) {
	for i, patch := range patches {
		at := fmt.Sprintf("%s[%d]", field, i)
		if strings.TrimSpace(patch.Patch) == "" {
			p.add(at+".patch", "is missing; write the patch itself here, as text")
		}
		if patch.Target != nil && *patch.Target == (PatchTarget{}) {
			p.add(at+".target", "is empty: it would select every object; name at least its kind")
		}
	}
}

// checkComponents wants folders inside of the repository, as seen from the folder
// that is built.
func checkComponents(p *problems, folder string, components []string) {
	for i, component := range components {
		field := fmt.Sprintf("spec.components[%d]", i)
		switch at := path.Join(folder, component); {
		case component == "":
			p.add(field, "is missing")
		case path.IsAbs(component), strings.ContainsAny(component, "\\\x00\n:@?"):
			p.add(field, "%q is not a path as seen from spec.path", component)
		case at == "." || at == ".." || strings.HasPrefix(at, "../"):
			p.add(field, "%q leaves the repository, as seen from %s", component, folder)
		}
	}
}

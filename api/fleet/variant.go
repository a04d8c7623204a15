package fleet

import (
	"fmt"
	"maps"
	"slices"
)

// PlacementVariant is what a placement builds in another way for some of its
// clusters. The first variant that selects a cluster is the one it gets.
type PlacementVariant struct {
	Name string `json:"name"`
	// Exactly one of ClusterName, ClusterSet and Selector says for which clusters.
	ClusterName string         `json:"clusterName,omitempty"`
	ClusterSet  string         `json:"clusterSet,omitempty"`
	Selector    *LabelSelector `json:"selector,omitempty"`
	// Path is built in place of the placement's.
	Path string `json:"path,omitempty"`
	// Patches are applied after the placement's.
	Patches []Patch `json:"patches,omitempty"`
	// Substitute adds to the placement's values, and goes before them.
	Substitute map[string]string `json:"substitute,omitzero"`
}

// Selects reports whether a cluster that is in these sets gets the variant, if no
// earlier one does.
func (v *PlacementVariant) Selects(cluster *Cluster, sets []string) bool {
	switch {
	case v.ClusterName != "":
		return cluster.Metadata.Name == v.ClusterName
	case v.ClusterSet != "":
		return slices.Contains(sets, v.ClusterSet)
	}
	return v.Selector != nil && v.Selector.Matches(cluster.Metadata.Labels)
}

// As is the placement as a variant has it, with no variants of its own; nil for
// the placement's own. It shares what does not change.
func (pl *Placement) As(v *PlacementVariant) *Placement {
	as := *pl
	as.Spec.Variants = nil
	if v == nil {
		return &as
	}
	as.Variant = v.Name
	if v.Path != "" {
		as.Spec.Path = v.Path
	}
	as.Spec.Patches = slices.Concat(pl.Spec.Patches, v.Patches)
	if v.Substitute != nil {
		as.Spec.Substitute = map[string]string{}
		maps.Copy(as.Spec.Substitute, pl.Spec.Substitute)
		maps.Copy(as.Spec.Substitute, v.Substitute)
	}
	return &as
}

// InVariants are all that the placement builds: its own, and each variant's in their
// order, whether a cluster gets it or not. Who goes through what Git places asks this.
func (pl *Placement) InVariants() []*Placement {
	all := []*Placement{pl.As(nil)}
	for i := range pl.Spec.Variants {
		all = append(all, pl.As(&pl.Spec.Variants[i]))
	}
	return all
}

// Substitutes reports whether ${NAME} means anything in what the placement builds:
// somebody wrote substitute, if only to turn it on. Scripts in ConfigMaps say
// ${NAME} too.
func (pl *Placement) Substitutes() bool { return pl.Spec.Substitute != nil }

// Title names the placement, and the variant if it is one, for errors.
func (pl *Placement) Title() string {
	if pl.Variant == "" {
		return fmt.Sprintf("placement %q", pl.Metadata.Name)
	}
	return fmt.Sprintf("placement %q, variant %q", pl.Metadata.Name, pl.Variant)
}

// maxVariants is far beyond what people tell apart; each may cost a build.
const maxVariants = 100

func (s PlacementSpec) validateVariants(p *problems) {
	checkComponents(p, s.Path, s.Components)
	if len(s.Variants) > maxVariants {
		p.add("spec.variants", "has %d; at most %d", len(s.Variants), maxVariants)
		return
	}
	for i, v := range s.Variants {
		field := fmt.Sprintf("spec.variants[%d]", i)
		p.checkLabel(field+".name", v.Name)
		v.validateSelector(p, field)
		if v.Path == "" && len(v.Patches) == 0 && v.Substitute == nil {
			p.add(field, "changes nothing; give path, patches or substitute")
		}
		if v.Path != "" {
			p.checkPath(field+".path", v.Path)
			checkComponents(p, v.Path, s.Components)
		}
		checkPatches(p, field+".patches", v.Patches)
		checkSubstitute(p, field+".substitute", v.Substitute)
	}
	if i, ok := firstDuplicate(s.Variants, func(v PlacementVariant) string { return v.Name }); ok {
		p.add(fmt.Sprintf("spec.variants[%d].name", i), "stands twice")
	}
}

func (v *PlacementVariant) validateSelector(p *problems, field string) {
	given := 0
	for _, is := range []bool{v.ClusterName != "", v.ClusterSet != "", v.Selector != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		p.add(field, "must have exactly one of clusterName, clusterSet and selector")
	case v.ClusterName != "":
		p.checkLabel(field+".clusterName", v.ClusterName)
	case v.ClusterSet != "":
		p.checkLabel(field+".clusterSet", v.ClusterSet)
	case len(v.Selector.MatchLabels)+len(v.Selector.MatchExpressions) == 0:
		p.add(field+".selector", "is empty; name at least one label, or leave the variant out and say it in spec itself")
	default:
		for _, problem := range v.Selector.problems() {
			p.add(field+".selector", "%s", problem)
		}
	}
}

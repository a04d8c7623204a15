package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// checkVariants says which variants no cluster gets: none of the placement's fits, or
// an earlier variant has them all: on purpose, for clusters to come, unless it has a name.
func (g grants) checkVariants(name string) {
	p, file := g.model.Placements[name], g.placementFile(name)
	for i, v := range p.Spec.Variants {
		if v.ClusterSet != "" && g.model.Sets[v.ClusterSet] == nil {
			return // nobody knows who gets the later ones; that is a finding already
		}
		if len(g.model.Got(name, v.Name)) > 0 {
			continue
		}
		problem, note := "no cluster that the placement targets fits: it builds for nobody", true
		if why, hint := g.notOn(name, v); why != "" {
			problem, note = why+": the variant builds for nobody; hint: "+hint+", or take the variant out", false
		} else if first, earlier := g.earlier(name, &p.Spec.Variants[i]); first != "" {
			problem = fmt.Sprintf("no cluster gets it: the first variant that fits counts, and %s gets %q; "+
				"hint: put it before that one", first, strings.Join(earlier, `", "`))
		}
		g.add(Finding{
			Note: note, Warning: !note, File: file, Line: g.lineOf(file, "spec", "variants", strconv.Itoa(i)),
			Field: fmt.Sprintf("spec.variants[%d]", i), Problem: problem,
		})
	}
}

// notOn says why the cluster that a variant names is none of the placement's.
func (g grants) notOn(placement string, v api.PlacementVariant) (problem, hint string) {
	if v.ClusterName == "" || g.refused(api.KindCluster, v.ClusterName) {
		return "", ""
	}
	return g.model.NotOn(placement, v.ClusterName)
}

// earlier names a cluster that a variant selects, and the variants that have all of them.
func (g grants) earlier(placement string, v *api.PlacementVariant) (first string, variants []string) {
	for _, cluster := range g.model.TargetsOf(placement) {
		if !v.Selects(g.model.Clusters[cluster], g.model.SetsOf(cluster)) {
			continue
		}
		p, err := g.model.For(placement, cluster)
		if err != nil {
			continue
		}
		if first == "" {
			first = cluster
		}
		if !slices.Contains(variants, p.Variant) {
			variants = append(variants, p.Variant)
		}
	}
	return first, variants
}

package importcmd

import (
	"maps"
	"regexp"
	"slices"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
)

// substituted is what Flux fills in after it has opened a Secret, where its Kustomization
// has postBuild: ${NAME}, and ${NAME:=default} and the like. It sees stringData only; what
// is under data is base64 to it.
var substituted = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*[}:=+?#%/^,-]`)

// notSubstituted is the label or annotation by which Flux leaves an object as it is.
const notSubstituted = "kustomize.toolkit.fluxcd.io/substitute"

// checkSubstituted refuses a value that is whole only once Flux has filled it in: sealed
// as it is, the take-over would put the name of a variable in the place of a live value.
func (i *importing) checkSubstituted(item haul.Item) error {
	meta := item.Secret.ObjectMeta
	if i.asIs || meta.Labels[notSubstituted] == "disabled" || meta.Annotations[notSubstituted] == "disabled" {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(item.Secret.StringData)) {
		if substituted.MatchString(item.Secret.StringData[key]) {
			return fault.New("have the live one sealed (bulla import kube), or fill it in first; --as-is seals it as it is, "+
				"where nothing fills it in", "stringData.%.60s has a ${…} in it, which Flux's postBuild fills in", key)
		}
	}
	return nil
}

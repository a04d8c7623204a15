package stub

import (
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/values"
)

// recipes are those of the values that were taken: a recipe goes with its value. Where
// both sides have the value, the side that changed the recipe has its say.
func (m *merging) recipes(file string, blocks map[string]api.Block) (values.Recipes, error) {
	var of [3]values.Recipes
	for i, side := range []*api.SealedManifest{m.base, m.ours, m.theirs} {
		if side == nil {
			continue
		}
		var err error
		if of[i], err = Recipes(file, side); err != nil {
			return nil, err
		}
	}
	ours, theirs := byFields(m.ours), byFields(m.theirs)
	merged := values.Recipes{}
	for fields, block := range blocks {
		for _, field := range block.Fields {
			key := strings.TrimPrefix(field, "/data/")
			from := of[1]
			if !carries(ours[fields], block) || carries(theirs[fields], block) && of[1][key] == of[0][key] {
				from = of[2]
			}
			if recipe, ok := from[key]; ok {
				merged[key] = recipe
			}
		}
	}
	return merged, nil
}

func carries(side *api.Block, block api.Block) bool {
	return side != nil && side.Payload == block.Payload
}

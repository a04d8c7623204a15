package heads

import (
	"context"
	"fmt"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// pinned is what the token was told: which sealing keys may be used.
//
// The token is told when they changed, and only then: a head that moved for other
// reasons costs it nothing. What it could not be told is told at the next look. Looks
// come one at a time, and nothing else writes here.
type pinned struct {
	token Pinner
	keys  []api.SealingKey // that the token has
}

// tell has the token use the keys of a head.
func (p *pinned) tell(ctx context.Context, of *Head) error {
	keys := of.Model.Fleet.Spec.SealingKeys
	if slices.Equal(p.keys, keys) {
		return nil
	}
	if err := p.token.Pin(ctx, keys); err != nil {
		return fmt.Errorf("use the keys of head %s: %w", of.Hash, err)
	}
	p.keys = keys
	return nil
}

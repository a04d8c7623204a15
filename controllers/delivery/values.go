package delivery

import (
	"context"
	"errors"
	"slices"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/unseal"
)

// values are secret values by object and pointer. They live between the unsealing
// and the apply of one pass, in memory only.
type values = map[ObjectID]map[string]string

func sealedAmong(changes []change) []unseal.Sealed {
	var sealed []unseal.Sealed
	for _, c := range changes {
		if c.object.Sealed() {
			sealed = append(sealed, unseal.Sealed{Object: c.object.Built, Content: c.object.Content})
		}
	}
	return sealed
}

// unsealing gives the values of changes.
type unsealing struct {
	unsealer unseal.Unsealer
	aim      *aim.Aim
}

func (p *pass) unsealing() unsealing { return unsealing{unsealer: p.options.Unsealer, aim: p.aim} }

// fresh asks for the values of the sealed objects among changes, and for no
// others. When they cannot be had, the changes without sealed objects remain.
func (u unsealing) fresh(ctx context.Context, changes []change) ([]change, values, error) {
	sealed := sealedAmong(changes)
	if len(sealed) == 0 {
		return changes, nil, nil
	}
	values, err := u.unsealer.Unseal(ctx, u.aim.Name, u.aim.Snapshot, sealed)
	if err == nil {
		return changes, values, nil
	}
	plain := slices.DeleteFunc(slices.Clone(changes), func(c change) bool { return c.object.Sealed() })
	var ended *loop.Error
	if errors.As(err, &ended) {
		own := *ended // others were told the same
		return plain, nil, &own
	}
	return plain, nil, loop.Waiting(v1alpha1.UnsealFailedReason, "the values could not be had")
}

// kept leaves of changes those whose values were opened here before, or that need
// none. It asks nobody.
func (u unsealing) kept(ctx context.Context, changes []change) ([]change, values, error) {
	var values values
	if sealed := sealedAmong(changes); len(sealed) > 0 {
		var err error
		if values, err = u.unsealer.Kept(ctx, u.aim.Name, u.aim.Snapshot, sealed); err != nil {
			return nil, nil, err
		}
	}
	var possible []change
	for _, c := range changes {
		if _, ok := values[c.object.ID]; ok || !c.object.Sealed() {
			possible = append(possible, c)
		}
	}
	return possible, values, nil
}

// carry keeps what of stubs is in Git up to now and will not be, so that what stands is
// healed with the key service away, also once its stubs are references. Where it fails
// nothing is held: a value that is lost is asked for then.
func (u unsealing) carry(ctx context.Context, wanted []apply.Object, stood func() ([]apply.Object, error)) error {
	return u.unsealer.Carry(ctx, u.aim.Name, u.aim.Snapshot, sealedOf(wanted), func() ([]unseal.Sealed, error) {
		objects, err := stood()
		return sealedOf(objects), err
	})
}

func sealedOf(objects []apply.Object) []unseal.Sealed {
	var sealed []unseal.Sealed
	for _, o := range objects {
		if o.Sealed() {
			sealed = append(sealed, unseal.Sealed{Object: o.Built, Content: o.Content})
		}
	}
	return sealed
}

// forget drops the kept answers but for those of the content digests in keep.
func (u unsealing) forget(ctx context.Context, keep []string) error {
	return u.unsealer.Forget(ctx, u.aim.Name, keep)
}

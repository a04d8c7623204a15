package hsm

import "github.com/bulla-dev/bulla/sealing/hsm/internal/wire"

// Check is one thing that a token must be able to do, and whether it can.
type Check = wire.Check

// noFleet stands for a fleet that there is not yet. It is as long as any: tokens
// bound the length of labels.
const noFleet = "00000000000000000000000000000000"

// CheckToken tries everything that a fleet asks of a token, with throwaway keys
// that have the attributes of a ceremony's and are destroyed at the end: the
// answer that a data sheet does not give. sessions is how many the worker would
// open. An error means that there is no token to try, or that it was lost on the
// way; it may then hold keys whose labels begin with bulla/FLEET/check.
func CheckToken(cfg Config, sessions int) ([]Check, error) {
	if cfg.Fleet == "" {
		cfg.Fleet = noFleet
	}
	r, err := once(cfg, wire.Request{Op: wire.OpCheck, Size: sessions})
	if err != nil {
		return nil, err
	}
	return r.Checks, nil
}

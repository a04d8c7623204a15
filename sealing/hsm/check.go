package hsm

// Check is one thing that a token must be able to do, and whether it can.
type Check struct {
	// What it is, for people; Mechanism is PKCS#11's name for it.
	What, Mechanism string
	// Problem is empty when it works.
	Problem string
	// Hint says what it is for, or what to do.
	Hint string
}

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
	r, err := once(cfg, request{Op: opCheck, Size: sessions})
	if err != nil {
		return nil, err
	}
	return r.Checks, nil
}

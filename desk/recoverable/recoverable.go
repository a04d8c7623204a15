// Package recoverable tells which sealed values a fleet's recovery keys open, and which of
// those that they do not open are older than the keys.
package recoverable

import (
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/sealing"
)

const hint = "give the value again (bulla set): recovery keys are sealed into it, and `bulla reseal` moves locks alone"

// Check wants each recovery key that a fleet declares to open a payload, and no key beside
// them, as far as its header shows: see [sealing.Payload.CheckRecovery]. It is one rule for
// what somebody else sealed, wherever that is met.
func Check(payload *sealing.Payload, recipients []string) error {
	if err := payload.CheckRecovery(recipients); err != nil {
		return fault.New(hint, "the recovery keys that open it are not those of the fleet: %w", err)
	}
	return nil
}

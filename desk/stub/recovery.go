package stub

import (
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/sealing"
)

// Recoverable wants each recovery key that a fleet declares to open a payload, and no key
// beside them, as far as its header shows: see [sealing.Payload.CheckRecovery]. It is one rule
// for what somebody else sealed, wherever that is met.
func Recoverable(payload *sealing.Payload, recipients []string) error {
	err := payload.CheckRecovery(recipients)
	if err == nil {
		return nil
	}
	return fault.New("give the value again (bulla set): recovery keys are sealed into it, and `bulla reseal` moves locks alone",
		"the recovery keys that open it are not those of the fleet: %w", err)
}

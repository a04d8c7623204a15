//go:build cgo

package token

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

const (
	// slotLooks and slotPause are how often, and how long after, a token that is
	// not shown is looked for before that is believed.
	slotLooks = 8
	slotPause = 250 * time.Millisecond
)

// missingToken is what may be another one at the next look.
type missingToken struct{ cause *wire.Error }

func (e *missingToken) Error() string { return e.cause.Text }

func (e *missingToken) Unwrap() error { return e.cause }

// awaitSlot is findSlot for a token that another process may be writing: SoftHSM
// writes its file at every login and reads it when a process starts, so that of
// replicas which start together one is shown no token. Nothing logs in here.
func awaitSlot(m Module, want wire.TokenName) (uint, error) {
	for look := 1; ; look++ {
		slot, err := findSlot(m, want)
		missing := (*missingToken)(nil)
		if !errors.As(err, &missing) {
			return slot, err
		}
		if look == slotLooks {
			return 0, missing.cause
		}
		time.Sleep(slotPause)
		if err := m.Finalize(); err != nil {
			return 0, Error("look for the token again", err)
		}
		if err := m.Initialize(); err != nil {
			return 0, Error("look for the token again", err)
		}
	}
}

// findSlot finds the one token that is meant. Tokens are never found by their
// slot's number: slots are numbered anew when readers come and go, and SoftHSM
// numbers them anew at each initialisation.
func findSlot(m Module, want wire.TokenName) (uint, error) {
	slots, err := m.GetSlotList(true)
	if err != nil {
		return 0, Error("list slots", err)
	}
	var found []uint
	var seen []string
	for _, slot := range slots {
		info, err := m.GetTokenInfo(slot)
		if err != nil {
			continue // another slot's token may be away
		}
		has := wire.TokenName{Label: unpad(info.Label), Serial: unpad(info.SerialNumber),
			Manufacturer: unpad(info.ManufacturerID), Model: unpad(info.Model)}
		if matches(want, has) {
			found = append(found, slot)
		}
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
			seen = append(seen, has.String())
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return 0, &missingToken{&wire.Error{Fault: wire.FaultSetup,
			Text: fmt.Sprintf("find token %s: the module shows %s", want, orNone(seen)),
			Hint: "initialise the token with this label, or correct the label (softhsm2-util --show-slots)"}}
	default:
		return 0, &wire.Error{Fault: wire.FaultSetup,
			Text: fmt.Sprintf("find token %s: %d tokens are so named", want, len(found)),
			Hint: "give each token its own label, or name the serial in a PKCS#11 URI (token.uri)"}
	}
}

// unpad takes off what PKCS#11 fills fixed-size texts up with.
func unpad(text string) string { return strings.TrimRight(text, " \x00") }

func orNone(tokens []string) string {
	if len(tokens) == 0 {
		return "none"
	}
	return strings.Join(tokens, ", ")
}

// matches compares what is wanted; the label always is.
func matches(want, has wire.TokenName) bool {
	return want.Label == has.Label && (want.Serial == "" || want.Serial == has.Serial) &&
		(want.Manufacturer == "" || want.Manufacturer == has.Manufacturer) && (want.Model == "" || want.Model == has.Model)
}

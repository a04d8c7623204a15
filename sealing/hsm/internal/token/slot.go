//go:build cgo

package hsm

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/pkcs11"
)

const (
	// slotLooks and slotPause are how often, and how long after, a token that is
	// not shown is looked for before that is believed.
	slotLooks = 8
	slotPause = 250 * time.Millisecond
)

// missingToken is what may be another one at the next look.
type missingToken struct{ *workerError }

func (e *missingToken) Unwrap() error { return e.workerError }

// awaitSlot is findSlot for a token that another process may be writing: SoftHSM
// writes its file at every login and reads it when a process starts, so that of
// replicas which start together one is shown no token. Nothing logs in here.
func awaitSlot(m module, want tokenName) (uint, error) {
	for look := 1; ; look++ {
		slot, err := findSlot(m, want)
		missing := (*missingToken)(nil)
		if !errors.As(err, &missing) {
			return slot, err
		}
		if look == slotLooks {
			return 0, missing.workerError
		}
		time.Sleep(slotPause)
		if err := m.Finalize(); err != nil {
			return 0, tokenError("look for the token again", err)
		}
		if err := m.Initialize(); err != nil {
			return 0, tokenError("look for the token again", err)
		}
	}
}

// findSlot finds the one token that is meant. Tokens are never found by their
// slot's number: slots are numbered anew when readers come and go, and SoftHSM
// numbers them anew at each initialisation.
func findSlot(m module, want tokenName) (uint, error) {
	slots, err := m.GetSlotList(true)
	if err != nil {
		return 0, tokenError("list slots", err)
	}
	var found []uint
	var seen []string
	for _, slot := range slots {
		info, err := m.GetTokenInfo(slot)
		if err != nil {
			continue // another slot's token may be away
		}
		has := tokenName{Label: unpad(info.Label), Serial: unpad(info.SerialNumber), Manufacturer: unpad(info.ManufacturerID),
			Model: unpad(info.Model)}
		if want.matches(has) {
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
		return 0, &missingToken{&workerError{Fault: faultSetup,
			Text: fmt.Sprintf("find token %s: the module shows %s", want, orNone(seen)),
			Hint: "initialise the token with this label, or correct the label (softhsm2-util --show-slots)"}}
	default:
		return 0, &workerError{Fault: faultSetup,
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
func (n tokenName) matches(has tokenName) bool {
	return n.Label == has.Label && (n.Serial == "" || n.Serial == has.Serial) &&
		(n.Manufacturer == "" || n.Manufacturer == has.Manufacturer) && (n.Model == "" || n.Model == has.Model)
}

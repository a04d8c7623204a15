package main

import (
	"crypto/ecdsa"
	"errors"
	"os"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// lostFleet is the fleet.yaml of a token that is lost, to be taken over by
// another one.
type lostFleet struct {
	text  []byte
	fleet *api.Fleet
	// signer is the verifier key of the root key that signed it last.
	signer string
	// role is that key's in the root key's token; "" when that is lost too.
	role string
}

// takeOver reads what the ceremony takes from the lost fleet: everything but the
// keys. It must verify under the root key that was pinned: what the new root
// key signs on top of an edited file, a stranger's recovery recipient for one,
// everybody would trust.
func (o *initOptions) takeOver(changed func(flag string) bool) error {
	for _, flag := range []string{"name", "fleet-id", "recovery-recipient"} {
		if changed(flag) {
			return fault.New("the fleet keeps what its fleet.yaml says", "--%s stands beside --replaces", flag)
		}
	}
	if o.oldRootKey == "" {
		return fault.New(
			"the root verifier key that was pinned so far: rootKey in the service's configuration, or `bulla trust list`",
			"--old-root-key is missing")
	}
	text, err := os.ReadFile(o.replaces)
	if err != nil {
		return fault.New(files.Hint(err, "--replaces is the fleet.yaml that was accepted last, from Git"),
			"read the lost fleet: %w", err)
	}
	fleet, err := api.ParseFleet(o.replaces, text)
	if err != nil {
		return err
	}
	known, err := sealing.Known{}.Accept(&fleet.Spec, o.oldRootKey)
	if err != nil {
		return fault.New(
			"nothing is signed on top of what the old root key did not sign; start from the fleet.yaml that was accepted last",
			"verify %s: %w", o.replaces, err)
	}
	if len(fleet.Spec.RecoveryRecipients) == 0 {
		return fault.New("without one nothing in Git can be opened any more: begin a new fleet, and seal every value again",
			"%s declares no recovery recipient", o.replaces)
	}
	active, _ := fleet.Spec.ActiveKey() // a parsed fleet has one
	o.name, o.fleet, o.recovery = fleet.Metadata.Name, fleet.Spec.ID, fleet.Spec.RecoveryRecipients
	if !changed("suite") {
		o.suite = string(active.Suite)
	}
	if !changed("key-id") {
		o.keyID = freeKeyID(&fleet.Spec, time.Now())
	}
	if _, taken := fleet.Spec.Key(o.keyID); taken {
		// A lock under the lost key would pass for one under the new.
		return fault.New("leave --key-id out to take the next free one", "key id %q is of a lost key", o.keyID)
	}
	o.lost = &lostFleet{text: text, fleet: fleet, signer: known.RootKey}
	return nil
}

// successor is the lost fleet with the new token's keys. The lost keys stay in
// it, Retired: they open nothing, and `bulla validate` finds the locks that are
// still theirs. Where the root key is lost too, the line of root keys begins anew,
// as nobody can sign a step from a lost key.
func (l *lostFleet) successor(key api.SealingKey, logKey string) *api.Fleet {
	next := *l.fleet
	next.Spec = *l.fleet.Spec.DeepCopy()
	next.Spec.Serial++
	for i := range next.Spec.SealingKeys {
		next.Spec.SealingKeys[i].Status = api.KeyRetired
	}
	next.Spec.SealingKeys = append(next.Spec.SealingKeys, key)
	next.Spec.LogKey, next.Spec.Signature = logKey, ""
	if l.role == "" {
		next.Spec.RootSuccession = nil
	}
	return &next
}

// keepRoot looks for the lost fleet's root key in the token that is named for it:
// whoever pinned that key need not pin another.
func (l *lostFleet) keepRoot(root hsm.Config) (*ecdsa.PublicKey, error) {
	role, public, err := findRoot(root, l.signer)
	if errors.Is(err, errOtherRoot) {
		return nil, nil
	}
	l.role = role
	return public, err
}

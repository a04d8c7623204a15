package sealjob

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/sealing"
)

// rehearse seals the values a second time, for the same object and targets, to a
// recovery key that is made for this and thrown away, opens that and compares. What
// was sealed for the fleet nobody here can open, and whoever gives the only copy of a
// value for it should know that it was the value.
func (j *Job) rehearse(edit *stub.Edit, chosen [][]sealing.LockTarget, out *Outcome) error {
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		return fmt.Errorf("make a key to verify with: %w", err)
	}
	fleet, err := j.sealer()
	if err != nil {
		return err
	}
	sealer, err := sealing.NewSealer(fleet.Key, []string{identity.Recipient().String()})
	if err != nil {
		return fmt.Errorf("make a key to verify with: %w", err)
	}
	sealed, err := api.ParseSealedManifest(j.Where.File, out.Data)
	if err != nil {
		return err
	}
	opened := map[string]string{}
	for i, change := range edit.Changes {
		again, err := j.sheet().seal(sealer, change.Fields, chosen[i], out.Object)
		if err != nil {
			return err
		}
		if err := j.openAgain(sealed, again, identity, out, opened); err != nil {
			return fault.New("nothing was written; this is a fault of bulla, please report it",
				"verify %s: %w", j.Where.File, err)
		}
	}
	return j.sameAs(opened)
}

// openAgain opens one block that was sealed again, as the stub that was sealed for the
// fleet has it.
func (j *Job) openAgain(
	sealed *api.SealedManifest, again api.Block, identity age.Identity, out *Outcome, opened map[string]string,
) error {
	for i, block := range sealed.Spec.Blocks {
		if !slices.Equal(block.Fields, again.Fields) {
			continue
		}
		c, err := sealing.ContextOf(j.Fleet.Repo.Model.Fleet.Spec.ID, sealed, i, out.Object.Namespace, out.Object.Name)
		if err != nil {
			return err
		}
		written, err := sealing.ParsePayload(block.Payload)
		if err != nil {
			return err
		}
		payload, err := sealing.ParsePayload(again.Payload)
		if err != nil {
			return err
		}
		if written.ContextDigest() != c.Digest() {
			return fmt.Errorf("block %d is bound to another object than %s/%s", i, out.Object.Namespace, out.Object.Name)
		}
		values, err := payload.OpenWith(c, identity)
		if err != nil {
			return fmt.Errorf("block %d does not open again: %w", i, err)
		}
		maps.Copy(opened, values)
		return nil
	}
	return fmt.Errorf("no block seals %v", again.Fields)
}

// sameAs compares what was opened with what was given.
func (j *Job) sameAs(opened map[string]string) error {
	for key, value := range j.What.Values {
		if text, ok := opened["/data/"+key]; !ok || text != base64.StdEncoding.EncodeToString(value) {
			return fault.New("nothing was written; this is a fault of bulla, please report it",
				"verify %s: the value of %s opens as another", j.Where.File, key)
		}
	}
	if len(opened) != len(j.What.Values) {
		return fault.New("nothing was written; this is a fault of bulla, please report it",
			"verify %s: it has %d values, want %d", j.Where.File, len(opened), len(j.What.Values))
	}
	return nil
}

package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// fleetChanges are what changes in fleet.yaml, key by key. Nothing in it is a secret.
func fleetChanges(was, is *api.Fleet) []FleetChange {
	changes := []FleetChange{}
	add := func(field, format string, args ...any) {
		changes = append(changes, FleetChange{Field: field, Change: fmt.Sprintf(format, args...)})
	}
	before, after := was.Spec, is.Spec
	if before.ID != after.ID {
		add("spec.id", "%q becomes %q: another fleet, in which nothing opens that was sealed before", before.ID, after.ID)
	}
	if before.Serial > after.Serial && before.ID == after.ID {
		add("spec.serial", "%d becomes %d: whoever accepted the later one refuses this", before.Serial, after.Serial)
	}
	for _, key := range after.SealingKeys {
		switch old, ok := before.Key(key.ID); {
		case !ok:
			add("spec.sealingKeys", "%s is new, and %s", key.ID, key.Status)
		case old.PublicKey != key.PublicKey || old.Suite != key.Suite:
			add("spec.sealingKeys", "%s is another key under the same name", key.ID)
		case old.Status != key.Status:
			add("spec.sealingKeys", "%s was %s and becomes %s", key.ID, old.Status, key.Status)
		}
	}
	for _, key := range before.SealingKeys {
		if _, ok := after.Key(key.ID); !ok {
			add("spec.sealingKeys", "%s is gone", key.ID)
		}
	}
	for _, r := range without(after.RecoveryRecipients, before.RecoveryRecipients) {
		add("spec.recoveryRecipients", "%s can open what is sealed from now on", short(r))
	}
	for _, r := range without(before.RecoveryRecipients, after.RecoveryRecipients) {
		add("spec.recoveryRecipients", "%s can open nothing that is sealed from now on", short(r))
	}
	if before.LogKey != after.LogKey {
		add("spec.logKey", "answers count from now on only if another log records them")
	}
	if !slices.Equal(before.RootSuccession, after.RootSuccession) {
		add("spec.rootSuccession", "another root key signs")
	}
	if !reflect.DeepEqual(before.Signing, after.Signing) {
		add("spec.signing", "who must sign commits changes")
	}
	if before.MaxShare() != after.MaxShare() {
		add("spec.prune.maxShare", "%d%% becomes %d%%", before.MaxShare(), after.MaxShare())
	}
	for _, c := range after.PruneConsents() {
		if !slices.ContainsFunc(before.PruneConsents(), c.SameRevision) {
			add("spec.prune.consent", "what %s left out goes on every cluster, whatever share it is: %q", c.Revision, c.Reason)
		}
	}
	for _, c := range before.PruneConsents() {
		if !slices.ContainsFunc(after.PruneConsents(), c.SameRevision) {
			add("spec.prune.consent", "what %s left out is guarded again, where it still stands", c.Revision)
		}
	}
	if before.Signature != after.Signature && len(changes) == 0 && before.ID != "" {
		add("spec.signature", "it is signed anew")
	}
	return changes
}

// keyChange says what of the keys may open or shut locks.
func keyChange(was, is *api.Fleet) string {
	if was.Spec.ID != is.Spec.ID {
		return "it is another fleet"
	}
	if !reflect.DeepEqual(was.Spec.SealingKeys, is.Spec.SealingKeys) {
		return "its sealing keys changed"
	}
	return ""
}

func without(all, known []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(known, s) })
}

// short is enough of a key to find it by.
func short(key string) string {
	const most = 24
	if len(key) <= most {
		return key
	}
	return strings.ToValidUTF8(key[:most], "") + "…"
}

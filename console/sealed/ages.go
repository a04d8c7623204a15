package sealed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"
	kbuilt "github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// History is what is asked of a clone.
type History interface {
	// Changed lists the newest commits that changed a path, the newest first; whole is
	// false where more may be found.
	Changed(ctx context.Context, most int, paths ...string) (changes []git.Change, whole bool, err error)
	// FileAt is what a file was in a commit.
	FileAt(commit, path string) ([]byte, error)
}

// Value is one key of an object: how it came to be, and when.
type Value struct {
	Key string
	// Sealed is false of what stands in the template for all to read.
	Sealed bool
	// Recipe is how a program made it; "" for by hand.
	Recipe string
	// Set is the commit that sealed what is there now; nil where the history that was looked
	// at does not say. Older: it was there before everything that was looked at.
	Set   *git.Change
	Older bool
}

// mostChanges is how many versions of a file are looked at.
const mostChanges = 40

// Told is what the history of one file tells.
type Told struct {
	Path    string
	Variant string
	Values  []Value
	// Changes are the commits that changed the file, the newest first. More: there are
	// older ones.
	Changes []git.Change
	More    bool
	// BadRecipes says why nothing tells how values were made.
	BadRecipes error
}

// Tell reads how old the values of a part are. A new lock is no new value: what counts is
// the payload, which a lock leaves as it is.
func Tell(ctx context.Context, h History, fleet string, p Part) (*Told, error) {
	told := &Told{Path: p.Path, Variant: p.Variant}
	recipes, err := recipesOf(p)
	told.BadRecipes = err
	sealedKeys := p.SealedKeys()
	for _, key := range p.Keys() {
		told.Values = append(told.Values, Value{Key: key, Sealed: slices.Contains(sealedKeys, key), Recipe: recipes[key]})
	}
	changes, whole, err := h.Changed(ctx, mostChanges, p.Path)
	if err != nil {
		return nil, err
	}
	told.Changes, told.More = changes, !whole
	open := map[string]bool{}
	for _, key := range sealedKeys {
		open[key] = true
	}
	for i := range changes {
		var before *kbuilt.Stub
		if i+1 < len(changes) {
			// The version that this commit changed.
			if data, err := h.FileAt(changes[i+1].Commit, p.Path); err == nil {
				before, _ = kbuilt.ParseStub(p.Path, data)
			}
		} else if !whole {
			break
		}
		for v := range told.Values {
			value := &told.Values[v]
			if open[value.Key] && (before == nil || !same(fleet, value.Key, p.Stub, *before)) {
				value.Set, open[value.Key] = &changes[i], false
			}
		}
	}
	for v := range told.Values {
		told.Values[v].Older = open[told.Values[v].Key]
	}
	return told, nil
}

func recipesOf(p Part) (map[string]string, error) {
	recipes, err := stub.Recipes(p.Path, p.Manifest)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for key, recipe := range recipes {
		if recipe != (values.Recipe{}) {
			all[key] = recipe.String()
		}
	}
	return all, nil
}

// same says whether a key has the same sealed value in two versions.
func same(fleet, key string, now, before kbuilt.Stub) bool {
	if now.Reference == nil && before.Reference == nil {
		is, was := payload(now, key), payload(before, key)
		return is != "" && is == was
	}
	return reference.SameContent(fleet, reference.Sealed{Stub: before.Manifest, Reference: before.Reference},
		reference.Sealed{Stub: now.Manifest, Reference: now.Reference})
}

func payload(s kbuilt.Stub, key string) string {
	for _, block := range s.Manifest.Spec.Blocks {
		if slices.Contains(block.Fields, "/data/"+key) {
			hash := sha256.Sum256([]byte(block.Payload))
			return hex.EncodeToString(hash[:])
		}
	}
	return ""
}

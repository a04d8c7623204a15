package stub

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// errDiffers reports a splice that did not make what was meant: the old file
// stays.
var errDiffers = errors.New("the edited file does not read back as it was meant")

// Apply writes the sealed blocks of an edit into the stub file data, which
// parses as old, and returns the new file. A new block stands where its first
// field comes in the order of fields: two people who add a value each then
// mostly write at different places.
func Apply(file string, data []byte, old *api.SealedManifest, edit *Edit, sealed []api.Block) ([]byte, error) {
	e := &editing{file: file, data: data, want: old.DeepCopy(), gone: slices.Clone(edit.Gone)}
	for n, change := range edit.Changes {
		if len(change.Replaces) > 0 {
			e.replace(change.Replaces[0], sealed[n])
			e.gone = append(e.gone, change.Replaces[1:]...)
		}
	}
	for n, change := range edit.Changes {
		if len(change.Replaces) == 0 {
			e.insert(sealed[n])
		}
	}
	e.remove()
	if e.err != nil {
		return nil, e.err
	}
	if err := same(file, e.data, e.want); err != nil {
		return nil, err
	}
	return e.data, nil
}

// editing is a file on its way, and what it must read as in the end.
type editing struct {
	file string
	data []byte
	want *api.SealedManifest
	gone []int
	err  error
}

func (e *editing) splice(change func(*yamltext.Sequence) []byte) {
	if e.err != nil {
		return
	}
	sequence, err := find(e.file, e.data)
	if err != nil {
		e.err = err
		return
	}
	e.data = change(sequence)
}

func (e *editing) replace(i int, block api.Block) {
	e.splice(func(s *yamltext.Sequence) []byte { return s.Replace(i, item(block)) })
	e.want.Spec.Blocks[i] = block
}

func (e *editing) insert(block api.Block) {
	at := slices.IndexFunc(e.want.Spec.Blocks, func(b api.Block) bool { return b.Fields[0] > block.Fields[0] })
	if at < 0 {
		at = len(e.want.Spec.Blocks)
	}
	e.splice(func(s *yamltext.Sequence) []byte { return s.Insert(at, item(block)) })
	e.want.Spec.Blocks = slices.Insert(e.want.Spec.Blocks, at, block)
	for n, i := range e.gone {
		if i >= at {
			e.gone[n] = i + 1
		}
	}
}

func (e *editing) remove() {
	if len(e.gone) == 0 {
		return
	}
	e.splice(func(s *yamltext.Sequence) []byte { return s.Remove(e.gone...) })
	for _, i := range slices.Backward(slices.Sorted(slices.Values(e.gone))) {
		e.want.Spec.Blocks = slices.Delete(e.want.Spec.Blocks, i, i+1)
	}
}

// same refuses an edited file that does not parse as what was meant.
func same(file string, data []byte, want *api.SealedManifest) error {
	got, err := api.ParseSealedManifest(file, data)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got.Spec.Blocks, want.Spec.Blocks) || !reflect.DeepEqual(got.Metadata, want.Metadata) ||
		string(got.Spec.Template) != string(want.Spec.Template) || got.Spec.Scope != want.Spec.Scope ||
		got.Spec.Restart != want.Spec.Restart ||
		!reflect.DeepEqual(got.Spec.DeliverAs, want.Spec.DeliverAs) {
		return fmt.Errorf("edit %s: %w", file, errDiffers)
	}
	return nil
}

func find(file string, data []byte) (*yamltext.Sequence, error) {
	sequence, err := findAt(file, data, "spec", "blocks")
	if err != nil {
		return nil, err
	}
	if sequence.Flow() {
		return nil, fmt.Errorf("edit %s: spec.blocks: %w", file, yamltext.ErrShape)
	}
	return sequence, nil
}

func findAt(file string, data []byte, path ...string) (*yamltext.Sequence, error) {
	sequence, err := yamltext.Find(data, path...)
	if err != nil {
		return nil, fmt.Errorf("edit %s: %w", file, err)
	}
	return sequence, nil
}

package stub

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/internal/yamltext"
)

// Change is one block to seal anew.
type Change struct {
	// Fields of the new block, sorted.
	Fields []string
	// Replaces lists the blocks that it takes the place of: none for a new
	// value, several when values are put together.
	Replaces []int
}

// PartialError reports that a block holds more values than were given, so that
// it can be neither kept nor replaced.
type PartialError struct{ Given, Missing []string }

func (e *PartialError) Error() string {
	return fmt.Sprintf("%s stands in one block with %s", strings.Join(e.Given, ", "), strings.Join(e.Missing, ", "))
}

// Plan says which blocks change when the values at these pointers are sealed.
// Values that were together stay together.
func Plan(blocks []v1alpha1.Block, pointers []string, together bool) ([]Change, error) {
	pointers = slices.Sorted(slices.Values(pointers))
	var changes []Change
	var fresh []string
	var touched []int
	for _, pointer := range pointers {
		i := slices.IndexFunc(blocks, func(b v1alpha1.Block) bool { return slices.Contains(b.Fields, pointer) })
		switch {
		case i < 0:
			fresh = append(fresh, pointer)
		case !slices.Contains(touched, i):
			if err := covered(blocks[i].Fields, pointers); err != nil {
				return nil, err
			}
			touched = append(touched, i)
		}
	}
	slices.Sort(touched)
	if together {
		return []Change{{Fields: pointers, Replaces: touched}}, nil
	}
	for _, i := range touched {
		changes = append(changes, Change{Fields: blocks[i].Fields, Replaces: []int{i}})
	}
	for _, pointer := range fresh {
		changes = append(changes, Change{Fields: []string{pointer}})
	}
	return changes, nil
}

func covered(fields, pointers []string) error {
	var e PartialError
	for _, field := range fields {
		if slices.Contains(pointers, field) {
			e.Given = append(e.Given, field)
		} else {
			e.Missing = append(e.Missing, field)
		}
	}
	if len(e.Missing) > 0 {
		return &e
	}
	return nil
}

// errDiffers reports a splice that did not make what was meant: the old file
// stays.
var errDiffers = errors.New("the edited file does not read back as it was meant")

// Apply writes the sealed blocks of changes into the stub file data, which
// parses as old, and returns the new file.
func Apply(file string, data []byte, old *v1alpha1.SealedManifest, changes []Change, sealed []v1alpha1.Block) ([]byte, error) {
	want := old.DeepCopy()
	var gone []int
	for n, change := range changes {
		if len(change.Replaces) == 0 {
			continue
		}
		i := change.Replaces[0]
		sequence, err := find(file, data)
		if err != nil {
			return nil, err
		}
		data, want.Spec.Blocks[i] = sequence.Replace(i, item(sealed[n])), sealed[n]
		gone = append(gone, change.Replaces[1:]...)
	}
	for n, change := range changes {
		if len(change.Replaces) > 0 {
			continue
		}
		sequence, err := find(file, data)
		if err != nil {
			return nil, err
		}
		data, want.Spec.Blocks = sequence.Append(item(sealed[n])), append(want.Spec.Blocks, sealed[n])
	}
	if len(gone) > 0 {
		sequence, err := find(file, data)
		if err != nil {
			return nil, err
		}
		data = sequence.Remove(gone...)
		for _, i := range slices.Backward(slices.Sorted(slices.Values(gone))) {
			want.Spec.Blocks = slices.Delete(want.Spec.Blocks, i, i+1)
		}
	}
	if err := same(file, data, want); err != nil {
		return nil, err
	}
	return data, nil
}

// same refuses an edited file that does not parse as what was meant.
func same(file string, data []byte, want *v1alpha1.SealedManifest) error {
	got, err := v1alpha1.ParseSealedManifest(file, data)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got.Spec.Blocks, want.Spec.Blocks) || !reflect.DeepEqual(got.Metadata, want.Metadata) ||
		string(got.Spec.Template.Raw) != string(want.Spec.Template.Raw) || got.Spec.Scope != want.Spec.Scope {
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

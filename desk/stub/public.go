package stub

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// sealedHere is the line that stands for the ciphertext while a person edits the rest.
const sealedHere = "# The sealed values stand here. Leave this line."

// PublicPart is a stub's file without its ciphertext, for a person to edit.
type PublicPart struct {
	file   string
	old    *api.SealedManifest
	sealed string
	// text is the file with one line in the place of the ciphertext.
	text string
}

// Public takes the ciphertext out of the stub file data.
func Public(file string, data []byte) (*PublicPart, error) {
	old, err := api.ParseSealedManifest(file, data)
	if err != nil {
		return nil, err
	}
	rest, err := yamltext.SetEntry(data, nil, "spec", "blocks")
	if err != nil {
		return nil, fmt.Errorf("edit %s: spec.blocks: %w", file, err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	from := len(bytes.Join(lines[:api.StubLine(data, "spec.blocks")-1], nil))
	to := from + len(data) - len(rest)
	if to > len(data) || !bytes.Equal(append(bytes.Clone(data[:from]), data[to:]...), rest) {
		return nil, fmt.Errorf("edit %s: spec.blocks: %w", file, yamltext.ErrShape)
	}
	sealed := string(data[from:to])
	indent := sealed[:len(sealed)-len(strings.TrimLeft(sealed, " "))]
	return &PublicPart{
		file: file, old: old, sealed: sealed,
		text: string(data[:from]) + indent + sealedHere + "\n" + string(data[to:]),
	}, nil
}

// Text is what a person edits: no value, no ciphertext.
func (p *PublicPart) Text() string { return p.text }

// Join is the file with the edited text and the ciphertext as it was. What the values
// are bound to must be as it was too: nobody could open them under another name.
//
// draft is where the text is, and above how many lines stand there over it: what is
// wrong is told by the draft's own lines.
func (p *PublicPart) Join(edited, draft string, above int) ([]byte, error) {
	data, err := p.withSealed(edited)
	if err != nil {
		return nil, err
	}
	got, err := api.ParseSealedManifest(p.file, data)
	if err != nil {
		return nil, p.inDraft(err, edited, draft, above)
	}
	return data, p.unbound(got)
}

// inDraft tells the problems of a file by the lines of the draft.
func (p *PublicPart) inDraft(err error, edited, draft string, above int) error {
	before, _, found := strings.Cut(edited, sealedHere)
	start := strings.Count(before, "\n") + 1
	length := strings.Count(p.sealed, "\n")
	var all []error
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		joined = single{err}
	}
	for _, one := range joined.Unwrap() {
		var problem *api.ParseError
		if !errors.As(one, &problem) {
			all = append(all, one)
			continue
		}
		told := *problem
		told.File, told.Line = draft, told.Line+above
		switch {
		case found && problem.Line >= start+length:
			told.Line -= length - 1
		case found && problem.Line > start:
			told.Line = start + above
		}
		all = append(all, &told)
	}
	return errors.Join(all...)
}

type single struct{ error }

func (s single) Unwrap() []error { return []error{s.error} }

func (p *PublicPart) withSealed(edited string) ([]byte, error) {
	var b strings.Builder
	found := 0
	for line := range strings.Lines(edited) {
		if strings.TrimSpace(line) == sealedHere {
			b.WriteString(p.sealed)
			found++
			continue
		}
		b.WriteString(line)
	}
	switch found {
	case 1:
		return []byte(b.String()), nil
	case 0:
		return yamltext.SetEntry([]byte(edited), outdented(p.sealed), "spec", "blocks")
	}
	return nil, fault.New("leave it once", "the line that stands for the sealed values is there %d times",
		found)
}

// outdented are the lines of a block, without the indentation that all of them have.
func outdented(text string) []string {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), indent))
	}
	return lines
}

// unbound refuses another name, namespace, scope or type.
func (p *PublicPart) unbound(now *api.SealedManifest) error {
	was, err := Type(p.old)
	if err != nil {
		return err
	}
	kind, err := Type(now)
	if err != nil {
		return err
	}
	field := ""
	switch {
	case now.Metadata.Name != p.old.Metadata.Name:
		field = "metadata.name"
	case now.Metadata.Namespace != p.old.Metadata.Namespace:
		field = "metadata.namespace"
	case now.Spec.Scope != p.old.Spec.Scope:
		field = "spec.scope"
	case kind != was:
		field = "spec.template.type"
	case !reflect.DeepEqual(now.Spec.Blocks, p.old.Spec.Blocks):
		return fault.New("give a value with bulla set, take one out with bulla unset, change clusters with bulla target",
			"spec.blocks is another")
	default:
		return nil
	}
	return fault.New("leave it as it was, or seal the values into a new stub",
		"%s is another: the values are bound to it, and nobody here can open them to seal them anew", field)
}

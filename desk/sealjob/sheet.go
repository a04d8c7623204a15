package sealjob

import (
	"encoding/base64"
	"fmt"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/sealing"
)

// sheet is what the sealed blocks are written on: a stub's file, and values for it.
type sheet struct {
	// fleet is the id of the fleet that the locks are bound to.
	fleet string
	file  string
	// text is the file to edit, nil for a new one.
	text   []byte
	stub   api.SealedManifest
	values values.Set
	// renamed are keys by their old names, which wires have too.
	renamed map[string]string
}

// in is the sheet with a namespace in the stub.
func (s sheet) in(namespace string) sheet {
	s.stub.Metadata.Namespace = namespace
	return s
}

// seal seals the fields into one block.
func (s sheet) seal(
	sealer *sealing.Sealer, fields []string, targets []sealing.LockTarget, object built.Use,
) (api.Block, error) {
	like := s.stub
	like.Spec.Blocks = []api.Block{{Fields: fields}}
	c, err := sealing.ContextOf(s.fleet, &like, 0, object.Namespace, object.Name)
	if err != nil {
		return api.Block{}, fmt.Errorf("seal %s: %w", s.file, err)
	}
	texts := map[string]string{}
	for _, field := range fields {
		texts[field] = base64.StdEncoding.EncodeToString(s.values[strings.TrimPrefix(field, "/data/")])
	}
	block, err := sealer.Seal(c, texts, targets)
	if err != nil {
		return api.Block{}, fmt.Errorf("seal %s: %w", s.file, err)
	}
	return block, nil
}

// write returns the file with the blocks in it. What it returns parses.
func (s sheet) write(edit *stub.Edit, blocks []api.Block) ([]byte, error) {
	if s.text != nil {
		text, was, err := stub.Rewire(s.file, s.text, &s.stub, s.renamed)
		if err != nil {
			return nil, err
		}
		return stub.Apply(s.file, text, was, edit, blocks)
	}
	whole := s.stub
	whole.Spec.Blocks = blocks
	data, err := stub.Render(&whole)
	if err != nil {
		return nil, err
	}
	_, err = api.ParseSealedManifest(s.file, data)
	return data, err
}

// standIn is the file with the fields to be sealed and without their values.
func (s sheet) standIn(sealer *sealing.Sealer, edit *stub.Edit) ([]byte, error) {
	empty := values.Set{}
	for key := range s.values {
		empty[key] = nil
	}
	s.values = empty
	object := built.Use{Namespace: "stand-in", Name: "stand-in"}
	nobody := []sealing.LockTarget{{Target: sealing.Target{Kind: sealing.Set, Name: "stand-in"}}}
	var blocks []api.Block
	for _, change := range edit.Changes {
		block, err := s.seal(sealer, change.Fields, nobody, object)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, block)
	}
	return s.write(edit, blocks)
}

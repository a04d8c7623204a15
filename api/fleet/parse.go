package fleet

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// MaxFileSize is the greatest size of a fleet, cluster, set or placement
	// file, in bytes.
	MaxFileSize = 1 << 20
	// MaxStubSize is the greatest size of a stub file, in bytes.
	MaxStubSize = 4 << 20
)

// Kinds for Git.
const (
	KindFleet           = "Fleet"
	KindCluster         = "Cluster"
	KindClusterSet      = "ClusterSet"
	KindPlacement       = "Placement"
	KindSealedManifest  = "SealedManifest"
	KindSealedReference = "SealedReference"
)

// ParseError is one problem of a file for Git. Several problems of one file
// are joined with [errors.Join].
type ParseError struct {
	// File is the path as the caller gave it.
	File string
	// Line counts from 1.
	Line int
	// Field is the path of the field, for example spec.targets[0].clusterName;
	// empty when the file as a whole is meant.
	Field string
	// Problem says what is wrong, and what to write instead where that is short.
	Problem string
}

func (e *ParseError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Field, e.Problem)
}

// ParseFleet reads fleet.yaml strictly. Errors are *[ParseError], joined. It
// does not verify the signature: that is sealing.VerifyFleet.
func ParseFleet(file string, data []byte) (*Fleet, error) {
	return parse(file, data, MaxFileSize, KindFleet, (*Fleet).validate)
}

// ParseCluster reads clusters/NAME.yaml strictly. Errors are *[ParseError], joined.
func ParseCluster(file string, data []byte) (*Cluster, error) {
	return parse(file, data, MaxFileSize, KindCluster, (*Cluster).validate)
}

// ParseClusterSet reads a cluster set strictly. Errors are *[ParseError], joined.
func ParseClusterSet(file string, data []byte) (*ClusterSet, error) {
	return parse(file, data, MaxFileSize, KindClusterSet, (*ClusterSet).validate)
}

// ParsePlacement reads placements/NAME.yaml strictly. Errors are *[ParseError], joined.
func ParsePlacement(file string, data []byte) (*Placement, error) {
	return parse(file, data, MaxFileSize, KindPlacement, (*Placement).validate)
}

// ParseSealedManifest reads a stub strictly. Errors are *[ParseError], joined.
// The template comes back as canonical JSON (sorted keys, no spaces). Locks
// and payloads are checked for shape here, byte for byte in package sealing.
func ParseSealedManifest(file string, data []byte) (*SealedManifest, error) {
	return parse(file, data, MaxStubSize, KindSealedManifest, (*SealedManifest).validate)
}

// parse reads data into a T in three passes: plain text and YAML, the fields
// of the Go type, and the kind's own rules. A pass runs only when the one
// before found nothing, so that one mistake is one message.
//
// The bytes are an attacker's, and who reads them serves others: a panic is an
// error of the file.
func parse[T any](file string, data []byte, limit int, kind string, validate func(*T, *problems)) (_ *T, err error) {
	defer func() {
		if recover() != nil {
			err = &ParseError{File: file, Line: 1, Problem: "cannot be read: bulla itself fails over it"}
		}
	}()
	root, err := ReadDocument(file, data, limit)
	if err != nil {
		return nil, err
	}
	p := &problems{file: file, kind: kind, root: root}
	p.checkKind(root, kind)
	if p.count == 0 {
		p.checkType(root, "", typeOf[T]())
	}
	if p.count > 0 {
		return nil, p.err()
	}
	object := new(T)
	if err := decodeJSON(root, object); err != nil {
		return nil, &ParseError{File: file, Line: root.Line, Problem: err.Error()}
	}
	validate(object, p)
	if p.count > 0 {
		return nil, p.err()
	}
	return object, nil
}

// FleetLine returns the line of a field of a fleet.yaml that parses, for who
// finds a mistake that this package cannot see.
func FleetLine(data []byte, field string) int { return lineIn(data, MaxFileSize, field) }

// StubLine is that of a stub.
func StubLine(data []byte, field string) int { return lineIn(data, MaxStubSize, field) }

func lineIn(data []byte, limit int, field string) int {
	root, err := ReadDocument("", data, limit)
	if err != nil {
		return 1
	}
	return (&problems{root: root}).line(field)
}

// problems gathers what is wrong with one file.
type problems struct {
	file string
	// kind is the one that the file is read as.
	kind string
	root *yaml.Node
	// list has the first of them, count is of all.
	list  []*ParseError
	count int
}

// add records a problem of a field. A missing field is reported in the line
// of the nearest parent that is there.
func (p *problems) add(field, format string, args ...any) {
	p.addAt(0, field, format, args...)
}

// addAt records a problem in a line; 0 for the field's own.
func (p *problems) addAt(line int, field, format string, args ...any) {
	p.count++
	if len(p.list) == maxProblems {
		return
	}
	if line == 0 {
		line = p.line(field)
	}
	p.list = append(
		p.list,
		&ParseError{File: p.file, Line: line, Field: clip(field), Problem: clip(fmt.Sprintf(format, args...))},
	)
}

// addStep records a problem where the path is not text yet.
func (p *problems) addStep(line int, path *step, problem string) {
	if len(p.list) == maxProblems {
		p.count++
		return
	}
	p.addAt(line, path.String(), "%s", problem)
}

func (p *problems) line(field string) int {
	if p.root == nil {
		return 1
	}
	return cmp.Or(lineOf(p.root, field), max(1, p.root.Line))
}

// maxProblems bounds the length of an error: a hostile file has as many
// mistakes as it likes.
const maxProblems = 20

func (p *problems) err() error {
	slices.SortStableFunc(p.list, func(a, b *ParseError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field))
	})
	errs := make([]error, len(p.list))
	for i, e := range p.list {
		errs[i] = e
	}
	return errors.Join(errs...)
}

func (p *problems) checkKind(root *yaml.Node, kind string) {
	want := map[string]string{"apiVersion": APIVersion, "kind": kind}
	for _, key := range []string{"apiVersion", "kind"} {
		value := lookup(root, key)
		switch {
		case value == nil:
			p.add(key, "is missing; write %s", want[key])
		case value.Kind != yaml.ScalarNode || value.Value != want[key]:
			p.addAt(value.Line, key, "is %q, not %s%s", clip(value.Value), want[key], asHint(ofKinds[value.Value]))
		}
	}
}

func lookup(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// KindOf looks whether a file holds a kind of bulla, in any of its documents.
// It never fails: a file that is not YAML is not a bulla kind.
func KindOf(data []byte) (apiVersion, kind string, ok bool) {
	// A file that cannot spell the group, even with escapes or in UTF-16, is
	// not worth parsing.
	if len(data) > MaxStubSize || manyValues(data) ||
		!bytes.Contains(data, []byte(Group)) && !bytes.ContainsAny(data, "\\\x00") {
		return "", "", false
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		document, err := decodeNode(decoder)
		if err != nil {
			return "", "", false
		}
		if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
			continue
		}
		apiVersion := scalar(lookup(document.Content[0], "apiVersion"))
		if strings.HasPrefix(apiVersion, Group+"/") {
			return apiVersion, scalar(lookup(document.Content[0], "kind")), true
		}
	}
}

func scalar(node *yaml.Node) string {
	if node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node == nil || node.Kind != yaml.ScalarNode {
		return ""
	}
	return node.Value
}

func decodeJSON(node *yaml.Node, into any) error {
	value, err := toJSON(node)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	decoder := json.NewDecoder(&text)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("has trailing data")
	}
	return nil
}

// checkMetadata is what every kind but the stub checks of its metadata.
func (p *problems) checkMetadata(m Metadata) {
	p.checkLabel("metadata.name", m.Name)
	if m.Namespace != "" {
		p.add("metadata.namespace", "must not be set: this kind is read from Git, it is in no namespace")
	}
	p.checkLabels("metadata", m.Labels, m.Annotations)
}

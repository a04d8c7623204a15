package worker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/resmap"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/bulla-dev/bulla/kustomize/internal/worker/deletions"
	"github.com/bulla-dev/bulla/kustomize/wire"
)

// maxPasses bounds how often a build begins again because it read a stub that is
// wired: a build that fails without its wires may read one more each time.
const maxPasses = 8

// wired are the stubs that the parent has read for this build and that are wired.
func (f *remoteFS) wired() []wire.Stub {
	if err := f.pipe.send(frameWired); err != nil {
		os.Exit(1)
	}
	kind, body, err := f.pipe.receive(func(byte) int { return maxFrame })
	var stubs []wire.Stub
	if err != nil || kind != frameAnswer || json.Unmarshal(body, &stubs) != nil {
		os.Exit(1)
	}
	return stubs
}

// wire writes the wires into the documents that the last pass listed as resources:
// the next pass reads those. Only what kustomize takes for an object is written to,
// and nothing but the lists of containers and volumes, so that no wire makes it read
// another file.
func (f *remoteFS) wire(stubs []wire.Stub) (*wire.Wiring, *Failure) {
	var documents []wire.Document
	files, roots := map[string][]*yaml.Node{}, map[*yaml.Node]*yaml.Node{}
	for _, file := range f.order {
		if !f.texts.resources[file] {
			continue
		}
		files[file] = documentsOf(f.textOf(file))
		for _, node := range files[file] {
			for _, object := range objectsOf(node) {
				documents = append(documents, wire.Document{File: file, Node: object})
				roots[object] = node
			}
		}
	}
	wiring, problems := wire.Apply(stubs, documents)
	if len(problems) > 0 {
		return nil, f.unwired(problems, nil)
	}
	f.rewritten = map[string][]byte{}
	changed := map[*yaml.Node]bool{}
	for object := range wiring.Changed {
		changed[roots[object]] = true
	}
	for file := range wiring.Files {
		text, err := rewrite(f.textOf(file), files[file], changed)
		if err != nil {
			return nil, &Failure{File: file, Problem: "cannot be written with what deliverAs adds"}
		}
		f.rewritten[file] = text
	}
	return wiring, nil
}

// objectsOf are the objects of a document: those of a list, each.
func objectsOf(node *yaml.Node) []*yaml.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	list := itemsOf(valueOf(node, "items"))
	if !strings.HasSuffix(textOf(valueOf(node, "kind")), "List") || list == nil {
		return []*yaml.Node{node}
	}
	var all []*yaml.Node
	for _, item := range list {
		if item.Kind == yaml.MappingNode {
			all = append(all, objectsOf(item)...)
		}
	}
	return all
}

// rewrite is a file with some of its documents written anew. The others keep their
// bytes, where a line that begins with "---" parts them.
func rewrite(data []byte, documents []*yaml.Node, changed map[*yaml.Node]bool) ([]byte, error) {
	chunks, n := bytes.SplitAfter(data, []byte("\n---")), 0
	var text bytes.Buffer
	for i, chunk := range chunks {
		body := chunk
		if i+1 < len(chunks) {
			body = bytes.TrimSuffix(chunk, []byte("---"))
		}
		switch found := documentsOf(body); {
		case len(found) == 0:
			continue
		case len(found) > 1 || n == len(documents) || found[0].Line+bytes.Count(bytes.Join(chunks[:i], nil),
			[]byte("\n")) != documents[n].Line:
			return all(documents)
		}
		text.WriteString("---\n")
		if err := one(&text, body, documents[n], changed); err != nil {
			return nil, err
		}
		n++
	}
	if n != len(documents) {
		return all(documents)
	}
	return text.Bytes(), nil
}

func one(text *bytes.Buffer, body []byte, document *yaml.Node, changed map[*yaml.Node]bool) error {
	if !changed[document] {
		text.Write(bytes.TrimPrefix(body, []byte("---"))) // it ends with its line
		return nil
	}
	written, err := all([]*yaml.Node{document})
	text.Write(written)
	return err
}

func all(documents []*yaml.Node) ([]byte, error) {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	for _, node := range documents {
		plainly(node)
		if err := encoder.Encode(node); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), encoder.Close()
}

// plainly writes without comments, which say nothing to kustomize, and without
// blocks of text: the library gives each fold of those another empty line.
func plainly(node *yaml.Node) {
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	if node.Style&(yaml.FoldedStyle|yaml.LiteralStyle) != 0 {
		node.Style = node.Style&^(yaml.FoldedStyle|yaml.LiteralStyle) | yaml.DoubleQuotedStyle
	}
	for _, child := range node.Content {
		plainly(child)
	}
}

// checked looks for the wires in what kustomize made, and takes their marks off.
func (f *remoteFS) checked(wiring *wire.Wiring, resources resmap.ResMap) error {
	var objects []map[string]any
	for _, r := range resources.Resources() {
		text, err := r.MarshalJSON()
		if err != nil {
			return err
		}
		var object map[string]any
		if err := json.Unmarshal(text, &object); err != nil {
			return err
		}
		objects = append(objects, object)
	}
	if problems := wiring.Check(objects); len(problems) > 0 {
		failure := f.unwired(problems, wiring)
		failure.unwired = true
		return failure
	}
	for i, r := range resources.Resources() {
		metadata, _ := objects[i]["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		if _, ok := annotations[wire.Mark]; !ok {
			continue
		}
		clear, at := wire.Mark, []string{"metadata", "annotations"}
		if len(annotations) == 1 {
			clear, at = "annotations", at[:1]
		}
		if err := r.PipeE(kyaml.Lookup(at...), kyaml.Clear(clear)); err != nil {
			return err
		}
	}
	return nil
}

// unwired tells why stubs are not wired. After the build it names the file that
// spells what is in the way, if one does beside the stub and the workload.
func (f *remoteFS) unwired(problems []*wire.Problem, wiring *wire.Wiring) *Failure {
	const most = 10
	var all []*Failure
	for _, p := range problems[:min(len(problems), most)] {
		text := p.Text
		if place := f.spelt(p, wiring); place != "" {
			text += " (see " + place + ")"
		}
		all = append(all, &Failure{File: p.File, Line: p.Line, Problem: text})
	}
	if len(problems) > most {
		all[most-1].Problem += fmt.Sprintf("; and %d more", len(problems)-most)
	}
	all[0].More = all[1:]
	return all[0]
}

// spelt finds what stands in the way among what is laid over the workloads.
func (f *remoteFS) spelt(p *wire.Problem, wiring *wire.Wiring) string {
	if wiring == nil || p.Word == "" {
		return ""
	}
	word := regexp.MustCompile(`(?:^|[\s{\[,"':])` + regexp.QuoteMeta(p.Word) + `(?:$|[\s},"':\]])`)
	for _, overlay := range []bool{true, false} {
		for _, file := range f.order {
			if file == p.File || wiring.Files[file] || (f.texts.patches[file] || isKustomization(file)) != overlay {
				continue
			}
			data := f.textOf(file)
			if at := word.FindIndex(data); at != nil {
				return fmt.Sprintf("%s:%d", file, 1+bytes.Count(data[:max(at[0], at[1]-1)], []byte("\n")))
			}
		}
	}
	return ""
}

// begin begins the build anew. What was asked is known, and is not asked again: the
// parent counts how often a build reads a stub.
func (f *remoteFS) begin() {
	f.now, f.order = map[string]int{}, nil
	f.patches, f.texts = deletions.Patches{}, newTexts()
}

// recall is what an earlier pass was answered, if it asked as often.
func (f *remoteFS) recall(question byte, name string) (*answered, bool) {
	a, ok := f.answers[string(question)+name]
	if question != frameRead {
		return a, ok && f.rewritten != nil
	}
	f.now[name]++
	if f.now[name] > f.asked[name] {
		f.asked[name] = f.now[name]
		return nil, false
	}
	return a, ok
}

// textOf is a file that was read.
func (f *remoteFS) textOf(file string) []byte {
	if a, ok := f.answers[string(byte(frameRead))+path.Join(Root, file)]; ok {
		return a.data
	}
	return nil
}

// answered is what the parent said.
type answered struct {
	kind Kind
	data []byte
}

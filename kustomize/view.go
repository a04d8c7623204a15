package kustomize

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/internal/worker"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// question is one thing that a build asked its tree.
type question struct {
	kind byte
	path string
}

const (
	askStat      = 's'
	askRead      = 'r'
	askList      = 'l'
	askGenerated = 'g' // the names below a folder without kustomization
)

// Answers about what is no file.
const (
	answerNone    = "none"
	answerFolder  = "folder"
	answerRefused = "refused" // and why
)

// ask returns what a tree answers, as a text that is equal exactly when the
// build would see the same. A build that asks the same questions and gets the
// same answers is the same build: that is the whole cache.
func ask(t *tree.Tree, q question) string {
	find := t.ForBuild
	if q.kind == askList {
		find = t.ForListing
	}
	n, err := find(q.path)
	switch {
	case err != nil:
		return answerRefused + " " + err.Error()
	case n == nil:
		return answerNone
	}
	switch q.kind {
	case askRead:
		if n.Kind != tree.File {
			return answerFolder
		}
		blob, err := t.Blob(q.path, n)
		if err != nil {
			return "unreadable " + err.Error()
		}
		return blob.String()
	case askList:
		names, _ := json.Marshal(listing(n))
		return hashText(names)
	case askGenerated:
		if err := flawBelow(t, q.path); err != nil {
			return answerRefused + " " + err.Error()
		}
		return hashText(generate(t, q.path))
	}
	if n.Kind == tree.Folder {
		return answerFolder
	}
	return "file"
}

func hashText(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func listing(n *tree.Node) []string {
	if n.Kind != tree.Folder {
		return nil
	}
	names := make([]string, len(n.Dir.Entries()))
	for i, e := range n.Dir.Entries() {
		names[i] = e.Name
	}
	return names
}

// view is a tree as one build sees it: stubs are replaced by their templates,
// and a folder without a kustomization has one. It records every question.
type view struct {
	tree *tree.Tree
	root string
	// generated is the kustomization of root when it has none.
	generated []byte
	// listed are its files and folders; leftOut are those without an object.
	listed  map[string]bool
	leftOut map[string]bool

	answers map[question]string
	// stubs by digest, and in the order in which they were read.
	stubs map[string]*Stub
	order []string
	// reads counts how often each stub's file was read, built how many objects
	// came of it: the two must be equal, see account.
	reads, built map[string]int
	places       *places
	// inputs are the stubs as kustomize sees them, by digest.
	inputs map[string][]byte
	used   allowance
	// last is the file read last: most likely the one that a parser stopped at.
	last string
}

var _ worker.Files = (*view)(nil)

func emptyView(t *tree.Tree, root string) *view {
	return &view{
		tree: t, root: root,
		answers: map[question]string{},
		stubs:   map[string]*Stub{}, reads: map[string]int{}, built: map[string]int{}, places: newPlaces(),
		inputs: map[string][]byte{}, leftOut: map[string]bool{},
	}
}

// open looks at the folder to build. A folder that is not there is an error,
// never a build of nothing: deletes are held.
func (v *view) open() error {
	kind, err := v.Stat(v.root)
	if err != nil {
		return err
	}
	if kind != worker.Dir {
		problem := "folder does not exist"
		if kind == worker.File {
			problem = "is a file, and a placement builds a folder"
		}
		return &worker.Failure{File: v.root, Problem: problem + "; hint: it stands in the placement as spec.path, as seen from the repository's root"}
	}
	if !hasKustomization(v.Stat, v.root) {
		if err := v.record(askGenerated, v.root); err != nil {
			return err
		}
		if err := flawBelow(v.tree, v.root); err != nil {
			return refusal(err)
		}
		if file, problem := charted(v.tree, v.root); problem != "" {
			return &worker.Failure{File: file, Problem: problem}
		}
		v.generated = generate(v.tree, v.root)
		v.listed = resourcesOf(v.root, v.generated)
	}
	return nil
}

// record keeps what the tree answers. It refuses what would be too much to keep.
func (v *view) record(kind byte, path string) error {
	q := question{kind, path}
	if _, ok := v.answers[q]; ok {
		return nil
	}
	switch {
	case len(path) > maxPath:
		return &worker.Failure{Problem: fmt.Sprintf("build asks for a path of more than %d bytes", maxPath)}
	case len(v.answers) >= maxQuestions:
		return &worker.Failure{Problem: fmt.Sprintf("build asks for more than %d paths", maxQuestions)}
	}
	v.answers[q] = ask(v.tree, q)
	return nil
}

// Stat implements [worker.Files].
func (v *view) Stat(p string) (worker.Kind, error) {
	if v.isGenerated(p) {
		return worker.File, nil
	}
	if err := v.record(askStat, p); err != nil {
		return worker.None, err
	}
	n, err := v.tree.ForBuild(p)
	switch {
	case err != nil:
		return worker.None, refusal(err)
	case n == nil:
		return worker.None, nil
	case n.Kind == tree.Folder:
		return worker.Dir, nil
	}
	return worker.File, nil
}

// Read implements [worker.Files].
func (v *view) Read(p string) ([]byte, bool, error) {
	if v.isGenerated(p) {
		return v.generated, true, nil
	}
	if err := v.record(askRead, p); err != nil {
		return nil, false, err
	}
	v.last = p
	n, err := v.tree.ForBuild(p)
	if err != nil {
		return nil, false, refusal(err)
	}
	if n == nil || n.Kind != tree.File {
		return nil, false, nil
	}
	data, err := v.tree.ReadFile(p)
	if errors.Is(err, tree.ErrTooLarge) {
		return nil, false, v.tooLarge(p)
	}
	if err != nil {
		return nil, false, err
	}
	if err := v.used.reads(p, len(data)); err != nil {
		return nil, false, err
	}
	return v.replace(p, data)
}

// Aside implements [worker.Files].
func (v *view) Aside(p string) bool { return v.leftOut[p] }

// tooLarge refuses, in a folder without kustomization too, where the file may be
// data: it may as well be a manifest that grew, and what it held would be deleted.
func (v *view) tooLarge(p string) error {
	problem := "file is too large"
	if v.listed[p] {
		problem += " to say whether it holds an object; hint: keep data out of the folder, or list what is built in a kustomization.yaml"
	}
	return &worker.Failure{File: p, Problem: problem}
}

// List implements [worker.Files].
func (v *view) List(p string) ([]string, bool, error) {
	if err := v.record(askList, p); err != nil {
		return nil, false, err
	}
	n, err := v.tree.ForListing(p)
	if err != nil {
		return nil, false, refusal(err)
	}
	if n == nil || n.Kind != tree.Folder {
		return nil, false, nil
	}
	names := listing(n)
	if v.generated != nil && p == v.root {
		names = append(names, kustomizationFile)
	}
	return names, true, nil
}

func (v *view) isGenerated(p string) bool {
	return v.generated != nil && p == path.Join(v.root, kustomizationFile)
}

func refusal(err error) error {
	var refused *tree.Error
	if errors.As(err, &refused) {
		all := refused.All()
		failure := &worker.Failure{File: all[0].Path, Problem: all[0].Problem}
		for _, more := range all[1:] {
			failure.More = append(failure.More, &worker.Failure{File: more.Path, Problem: more.Problem})
		}
		return failure
	}
	return err
}

// replace turns a stub into its template, named as the stub is and marked with
// the stub's digest: transformers then treat it as what it will be, and renames
// reach every reference. Nothing else may carry the mark.
func (v *view) replace(p string, data []byte) ([]byte, bool, error) {
	switch {
	case bytes.HasPrefix(data, lfsPointer):
		return nil, false, &worker.Failure{File: p, Problem: lfsProblem}
	case v.leaves(p, data):
		v.leftOut[p] = true
		return data, true, nil
	case bytes.Contains(data, []byte(api.StubAnnotation)):
		return nil, false, &worker.Failure{File: p, Problem: fmt.Sprintf("annotation %s is bulla's own", api.StubAnnotation)}
	}
	if line, ok := api.MergeMark(data); ok && isYAML(p) {
		return nil, false, &worker.Failure{File: p, Line: line, Problem: api.MergeMarkProblem}
	}
	if !isStub(data) {
		return data, true, nil
	}
	digest := api.StubDigest(data)
	v.reads[digest]++
	if input, ok := v.inputs[digest]; ok {
		return input, true, nil
	}
	if err := v.used.keeps(p, len(data)); err != nil {
		return nil, false, err
	}
	manifest, err := api.ParseSealedManifest(p, data)
	if err != nil {
		return nil, false, parseFailure(p, err)
	}
	stub := &Stub{Digest: digest, Path: p, Manifest: manifest}
	input, err := stub.object(v.places.holdAll(stub))
	if err != nil {
		return nil, false, &worker.Failure{File: p, Problem: err.Error()}
	}
	v.stubs[digest], v.inputs[digest] = stub, input
	v.order = append(v.order, digest)
	return input, true, nil
}

func isYAML(p string) bool { return path.Ext(p) == ".yaml" || path.Ext(p) == ".yml" }

// parseFailure has the file and line of each problem of a stub.
func parseFailure(p string, err error) *worker.Failure {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
		var all []*worker.Failure
		for _, e := range joined.Unwrap() {
			all = append(all, parseFailure(p, e))
		}
		all[0].More = all[1:]
		return all[0]
	}
	var parse *api.ParseError
	if !errors.As(err, &parse) {
		return &worker.Failure{File: p, Problem: err.Error()}
	}
	problem := parse.Problem
	if parse.Field != "" {
		problem = parse.Field + ": " + problem
	}
	return &worker.Failure{File: parse.File, Line: parse.Line, Problem: problem}
}

func isStub(data []byte) bool {
	// Parsing every file to learn its kind would cost more than the build.
	if !bytes.Contains(data, []byte(api.KindSealedManifest)) {
		return false
	}
	apiVersion, kind, ok := api.KindOf(data)
	return ok && kind == api.KindSealedManifest && apiVersion == api.APIVersion
}

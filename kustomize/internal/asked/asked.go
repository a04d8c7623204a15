// Package asked has what a build asked its tree, and was answered: that is all that
// a build depends on.
package asked

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/internal/worker"
	"github.com/bulla-dev/bulla/kustomize/loose"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Question is one thing that a build asked its tree.
type Question struct {
	Kind byte
	Path string
}

// Kinds of questions.
const (
	Stat      = 's'
	Read      = 'r'
	List      = 'l'
	Generated = 'g' // the names below a folder without kustomization
)

// Answers about what is no file.
const (
	answerNone    = "none"
	answerFolder  = "folder"
	answerRefused = "refused" // and why
)

// Bounds on what one build may ask. The child's memory is bounded by the kernel;
// what it asks costs the parent, which serves others.
const (
	// MaxQuestions is the greatest number of different questions: every answer is
	// kept for as long as the build is.
	MaxQuestions = 200_000
	// MaxPath is the greatest length of a path that is asked for, in bytes.
	MaxPath = 4096
)

// Answers are a build's questions with what its tree answered. A build that asks
// the same questions and gets the same answers is the same build: that is the
// whole cache.
type Answers map[Question]string

// Record keeps what the tree answers. It refuses what would be too much to keep.
func (a Answers) Record(t *tree.Tree, kind byte, path string) error {
	q := Question{kind, path}
	if _, ok := a[q]; ok {
		return nil
	}
	switch {
	case len(path) > MaxPath:
		return &worker.Failure{Problem: fmt.Sprintf("build asks for a path of more than %d bytes", MaxPath)}
	case len(a) >= MaxQuestions:
		return &worker.Failure{Problem: fmt.Sprintf("build asks for more than %d paths", MaxQuestions)}
	}
	a[q] = answer(t, q)
	return nil
}

// Hold reports whether a tree answers every question as before.
func (a Answers) Hold(t *tree.Tree) bool {
	for q, before := range a {
		if answer(t, q) != before {
			return false
		}
	}
	return true
}

// Files are those that the build was given, sorted.
func (a Answers) Files() []string {
	var files []string
	for q, answer := range a {
		if q.Kind == Read && answer != answerNone && answer != answerFolder && !strings.HasPrefix(answer, answerRefused) {
			files = append(files, q.Path)
		}
	}
	slices.Sort(files)
	return files
}

// answer is what a tree answers, as a text that is equal exactly when the build
// would see the same.
func answer(t *tree.Tree, q Question) string {
	find := t.ForBuild
	if q.Kind == List {
		find = t.ForListing
	}
	n, err := find(q.Path)
	switch {
	case err != nil:
		return answerRefused + " " + err.Error()
	case n == nil:
		return answerNone
	}
	switch q.Kind {
	case Read:
		if n.Kind != tree.File {
			return answerFolder
		}
		blob, err := t.Blob(q.Path, n)
		if err != nil {
			return "unreadable " + err.Error()
		}
		return blob.String()
	case List:
		names, _ := json.Marshal(Names(n))
		return Hash(names)
	case Generated:
		if err := loose.Flaw(t, q.Path); err != nil {
			return answerRefused + " " + err.Error()
		}
		return Hash(loose.Generate(t, q.Path))
	}
	if n.Kind == tree.Folder {
		return answerFolder
	}
	return "file"
}

// Hash is SHA-256 in hexadecimal.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Names are those in a folder, none of what is no folder.
func Names(n *tree.Node) []string {
	if n.Kind != tree.Folder {
		return nil
	}
	names := make([]string, len(n.Dir.Entries()))
	for i, e := range n.Dir.Entries() {
		names[i] = e.Name
	}
	return names
}

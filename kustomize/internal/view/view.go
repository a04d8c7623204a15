// Package view is a tree as one build sees it: stubs are replaced by their templates,
// and a folder without a kustomization has one. It records every question.
package view

import (
	"errors"
	"maps"
	"path"
	"slices"

	"sigs.k8s.io/kustomize/api/konfig"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/blame"
	"github.com/bulla-dev/bulla/kustomize/internal/asked"
	"github.com/bulla-dev/bulla/kustomize/internal/stubs"
	"github.com/bulla-dev/bulla/kustomize/internal/worker"
	"github.com/bulla-dev/bulla/kustomize/loose"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// View is for one build of one folder.
type View struct {
	// Root is the folder that kustomize begins with, as seen from the repository's.
	Root string
	// Answers are what the build asked so far.
	Answers asked.Answers

	tree *tree.Tree
	// placement, and the folder that it builds; overlay is what it lays over that.
	placement       *api.Placement
	folder, variant string
	overlay         []byte
	// loose is the folder when it has no kustomization.
	loose   *loose.Folder
	leftOut map[string]bool
	stubs   *stubs.Ledger
	used    allowance
}

var _ worker.Files = (*View)(nil)

// New returns a view of a placement's folder at a tree. [View.Open] comes next.
func New(t *tree.Tree, p *api.Placement) *View {
	return &View{
		Root: p.Spec.Path, Answers: asked.Answers{}, tree: t, placement: p, folder: p.Spec.Path, variant: p.Variant,
		leftOut: map[string]bool{}, stubs: stubs.NewLedger(),
	}
}

// Open looks at the folder to build. A folder that is not there is an error,
// never a build of nothing: deletes are held.
func (v *View) Open() error {
	if err := v.open(); err != nil {
		return err
	}
	var err error
	if v.overlay, err = overlay(v.placement, v.loose.Empty()); v.overlay != nil {
		v.Root = overlayFolder
	}
	return err
}

func (v *View) open() error {
	kind, err := v.Stat(v.folder)
	if err != nil {
		return err
	}
	if kind != worker.Dir {
		problem := "folder does not exist"
		if kind == worker.File {
			problem = "is a file, and a placement builds a folder"
		}
		return &worker.Failure{File: v.folder, Problem: problem +
			"; hint: it stands in the placement as spec.path, as seen from the repository's root"}
	}
	if v.hasKustomization() {
		return nil
	}
	if err := v.Answers.Record(v.tree, asked.Generated, v.folder); err != nil {
		return err
	}
	v.loose, err = loose.Open(v.tree, v.folder)
	return refusal(err)
}

func (v *View) hasKustomization() bool {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if kind, err := v.Stat(path.Join(v.folder, name)); err != nil || kind != worker.None {
			return true // an error is found again by the build, which names it
		}
	}
	return false
}

// Empty reports whether there is nothing to build.
func (v *View) Empty() bool { return v.loose.Empty() && len(v.placement.Spec.Components) == 0 }

// LeftOut are the files of a folder without kustomization that hold no object, sorted.
func (v *View) LeftOut() []string { return slices.Sorted(maps.Keys(v.leftOut)) }

func (v *View) suspects() blame.Suspects {
	return blame.Suspects{Tree: v.tree, Files: v.Answers.Files()}
}

// Stat implements [worker.Files].
func (v *View) Stat(p string) (worker.Kind, error) {
	switch {
	case v.overlay != nil && p == overlayFolder:
		return worker.Dir, nil
	case v.overlay != nil && p == overlayFile, v.loose.IsKustomization(p):
		return worker.File, nil
	}
	if err := v.Answers.Record(v.tree, asked.Stat, p); err != nil {
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
func (v *View) Read(p string) ([]byte, bool, error) {
	switch {
	case v.overlay != nil && p == overlayFile:
		return v.overlay, true, nil
	case v.loose.IsKustomization(p):
		return v.loose.Kustomization, true, nil
	}
	if err := v.Answers.Record(v.tree, asked.Read, p); err != nil {
		return nil, false, err
	}
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
	input, err := v.input(p, data)
	return input, err == nil, err
}

// Aside implements [worker.Files].
func (v *View) Aside(p string) bool { return v.leftOut[p] }

// tooLarge refuses, in a folder without kustomization too, where the file may be
// data: it may as well be a manifest that grew, and what it held would be deleted.
func (v *View) tooLarge(p string) error {
	problem := "file is too large"
	if v.loose.Lists(p) {
		problem += " to say whether it holds an object; hint: keep data out of the folder, " +
			"or list what is built in a kustomization.yaml"
	}
	return &worker.Failure{File: p, Problem: problem}
}

// List implements [worker.Files].
func (v *View) List(p string) ([]string, bool, error) {
	if v.overlay != nil && p == overlayFolder {
		return []string{loose.KustomizationFile}, true, nil
	}
	if err := v.Answers.Record(v.tree, asked.List, p); err != nil {
		return nil, false, err
	}
	n, err := v.tree.ForListing(p)
	if err != nil {
		return nil, false, refusal(err)
	}
	if n == nil || n.Kind != tree.Folder {
		return nil, false, nil
	}
	names := asked.Names(n)
	if v.loose.At(p) {
		names = append(names, loose.KustomizationFile)
	}
	return names, true, nil
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

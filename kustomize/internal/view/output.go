package view

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/worker"
	"github.com/bulla-dev/bulla/kustomize/internal/worker/deletions"
	"github.com/bulla-dev/bulla/kustomize/loose"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Objects takes a build's output in, with the stub that each object came of.
func (v *View) Objects(output [][]byte) ([]built.Object, error) {
	var objects []built.Object
	var errs []error
	var in built.Entry
	who := v.suspects()
	for _, data := range output {
		u, err := in.Object(data)
		if err != nil {
			if u == nil {
				return nil, err
			}
			errs = append(errs, err)
			continue
		}
		stub, err := v.stubs.Unmark(u, who)
		if err != nil {
			errs = append(errs, err)
		}
		objects = append(objects, built.Object{Unstructured: u, Stub: stub})
	}
	return objects, errors.Join(errs...)
}

// Account returns the stubs that a patch takes out of the build, and refuses one
// that is lost in any other way.
func (v *View) Account(patches []deletions.Deletion) ([]built.Deleted, error) {
	for i := range patches {
		if patches[i].File == overlayFile {
			patches[i].File = "spec.patches of " + v.placement.Title()
		}
	}
	return v.stubs.Account(patches, v.suspects())
}

// Refuse names the files that refused objects seem to come from.
func (v *View) Refuse(err error) *worker.Failure {
	all := built.Refusals(err)
	if len(all) == 0 {
		return &worker.Failure{Problem: lines(err)}
	}
	const most = 10
	first := v.refusalOf(all[0])
	for _, refused := range all[1:min(len(all), most)] {
		first.More = append(first.More, v.refusalOf(refused))
	}
	if len(all) > most {
		first.More[len(first.More)-1].Problem += fmt.Sprintf("; and %d more", len(all)-most)
	}
	return first
}

func (v *View) refusalOf(refused *built.Refused) *worker.Failure {
	file, line := v.suspects().Fault(refused)
	problem := refused.Error()
	if refused.Stub != nil && len(v.placement.Spec.Patches) > 0 {
		problem += "; the placement itself has patches, in spec.patches or those of its variant"
	}
	if refused.Plaintext {
		problem += sealHint(file)
	}
	return &worker.Failure{File: file, Line: line, Problem: problem}
}

// Own makes what the build says of files that nobody wrote a thing of those who
// wrote something else: what the overlay has wrong stands in the placement, whose
// file is not known here, and a kustomization that was made is the folder's.
func (v *View) Own(failure *worker.Failure) *worker.Failure {
	own := *failure
	switch {
	case v.overlay != nil && (own.File == overlayFile || own.File == overlayFolder):
		own.File, own.Line, own.Problem = "", 0, v.said(own.Problem)
	case v.loose.IsKustomization(own.File):
		own.File = v.folder
	}
	own.More = nil
	for _, more := range failure.More {
		own.More = append(own.More, v.Own(more))
	}
	return &own
}

// sealHint says what makes a stub of a Secret in the clear.
func sealHint(file string) string {
	if loose.IsKustomization(path.Base(file)) {
		return "; hint: seal its values (bulla seal --for PLACEMENT --name NAME), " +
			"list the stub under resources, and take the secretGenerator out"
	}
	return "; hint: `bulla seal --replace " + printable.Word(cmp.Or(file, "FILE")) + "` makes it a stub"
}

// lines bounds a joined error to a readable text.
func lines(err error) string {
	const most = 10
	all := strings.Split(err.Error(), "\n")
	if len(all) > most {
		all = append(all[:most], fmt.Sprintf("and %d more", len(all)-most))
	}
	return strings.Join(all, "; ")
}

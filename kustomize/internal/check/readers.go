package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// checkReaders finds workloads whose Secret has gone by another name: the stub's
// object is renamed, the name that the workload asks for is not. kustomize renames
// references only where both stand in one namespace, or neither says one. The
// pods of such a workload do not start, and nothing rolls them at a rotation.
func checkReaders(objects []built.Object) error {
	standing, renamed := map[built.ObjectID]bool{}, map[built.ObjectID][]built.Object{}
	for _, o := range objects {
		id := o.ID()
		standing[id] = true
		if o.Stub != nil && o.Stub.Manifest.Metadata.Name != id.Name {
			id.Name = o.Stub.Manifest.Metadata.Name
			renamed[id] = append(renamed[id], o)
		}
	}
	if len(renamed) == 0 {
		return nil
	}
	var errs []error
	for _, o := range objects {
		for _, ref := range workload.Reads(o.Object) {
			id := built.ObjectID{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
			if id.Namespace == "" {
				id.Namespace = o.GetNamespace()
			}
			if found := renamed[id]; len(found) > 0 && !ref.Optional && !standing[id] {
				errs = append(errs, missed(o, ref, found))
			}
		}
	}
	return errors.Join(errs...)
}

func missed(reader built.Object, ref workload.Ref, found []built.Object) error {
	var names []string
	for _, o := range found {
		if !slices.Contains(names, o.GetName()) {
			names = append(names, o.GetName())
		}
	}
	stub := found[0].Stub
	problem := fmt.Sprintf("names Secret %q at %s, and stub %s is built as %q", ref.Name, ref.Path, stub.Path,
		strings.Join(names, ", "))
	if stub.Manifest.Metadata.Namespace == "" {
		return &built.Refused{ID: reader.ID(), Problem: problem +
			"; hint: take metadata.namespace out of the workload's file, or name the Secret as it is built"}
	}
	return &built.Refused{ID: reader.ID(), File: stub.Path, Problem: problem +
		"; hint: take metadata.namespace out of the stub: kustomize renames references only to what is in the same " +
		"namespace. Its values stay as they are"}
}

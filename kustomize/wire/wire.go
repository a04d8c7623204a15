package wire

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/bulla-dev/bulla/api/closest"
	api "github.com/bulla-dev/bulla/api/fleet"
)

// Mark is the annotation by which a wired workload is known behind kustomize. It is
// in no result of a build.
const Mark = "bulla.dev/wired"

// Stub is what wiring knows of a stub.
type Stub struct {
	// File is its path in the repository.
	File string
	// Digest is the stub's, which its object carries through kustomize.
	Digest string
	// Name and Namespace of the Secret before renames; Namespace may be empty.
	Name, Namespace string
	// Keys of the Secret, sealed and public.
	Keys       []string
	Deliveries []Delivery
}

// Delivery is one entry of deliverAs.
type Delivery struct {
	api.DeliverAs
	// Line of the entry in the stub's file.
	Line int
}

// Document is an object that the build lists as a resource.
type Document struct {
	File string
	// Node is the object's mapping. [Apply] changes it.
	Node *yaml.Node
}

// Problem is why a stub is not wired.
type Problem struct {
	// File and Line are the stub's entry.
	File string
	Line int
	Text string
	// Word is what a file spells that is in the way, if one does.
	Word string
}

// Wiring is what was written, to be found again behind kustomize.
type Wiring struct {
	wires []*wired
	// Files whose documents were changed.
	Files map[string]bool
	// Changed are those documents.
	Changed map[*yaml.Node]bool
}

// wired is one entry of deliverAs and where it was written.
type wired struct {
	stub     *Stub
	delivery *Delivery
	// containers that it was written into, by name.
	containers []string
	// volume is the name of the volume, of a volume.
	volume string
}

func (w *wired) place() string { return fmt.Sprintf("%s:%d", w.stub.File, w.delivery.Line) }

func (w *wired) problem(word, format string, args ...any) *Problem {
	return &Problem{File: w.stub.File, Line: w.delivery.Line, Word: word, Text: "deliverAs: " + fmt.Sprintf(format,
		args...)}
}

// workload names the workload for people.
func (w *wired) workload() string { return w.delivery.Workload.Kind + " " + w.delivery.Workload.Name }

// Apply writes every entry of the stubs into the document that it names, in the
// order of the stubs' files. Where there is a problem, nothing is to be built.
func Apply(stubs []Stub, documents []Document) (*Wiring, []*Problem) {
	all := &Wiring{Files: map[string]bool{}, Changed: map[*yaml.Node]bool{}}
	var problems []*Problem
	stubs = slices.Clone(stubs)
	slices.SortFunc(stubs, func(a, b Stub) int { return cmp.Compare(a.File, b.File) })
	targets := map[*yaml.Node]*target{}
	for i := range stubs {
		for j := range stubs[i].Deliveries {
			w := &wired{stub: &stubs[i], delivery: &stubs[i].Deliveries[j]}
			document, problem := w.find(documents)
			if problem == nil {
				problem = w.write(targets, document, len(all.wires))
			}
			if problem != nil {
				problems = append(problems, problem)
				continue
			}
			all.wires = append(all.wires, w)
			all.Files[document.File], all.Changed[document.Node] = true, true
		}
	}
	return all, problems
}

// find is the one document that an entry names.
func (w *wired) find(documents []Document) (*Document, *Problem) {
	var found, elsewhere []*Document
	for i := range documents {
		d := &documents[i]
		if text(d.Node, "kind") != w.delivery.Workload.Kind || text(d.Node, "metadata", "name") != w.delivery.Workload.Name {
			continue
		}
		if namespace := text(d.Node, "metadata", "namespace"); !Meet(namespace, w.stub.Namespace) {
			elsewhere = append(elsewhere, d)
			continue
		}
		found = append(found, d)
	}
	if len(found) > 1 {
		// One folder for each of several alike: the one beside the stub is meant.
		beside := slices.DeleteFunc(slices.Clone(found),
			func(d *Document) bool { return path.Dir(d.File) != path.Dir(w.stub.File) })
		if len(beside) == 1 {
			found = beside
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, w.problem("", "%s stands in %s and in %s; hint: keep the stub in the folder of the one that is meant, "+
			"or one of them out of this build",
			w.workload(), found[0].place(), found[1].place())
	case len(elsewhere) > 0:
		return nil, w.problem("", "%s at %s is in namespace %q, and the stub in %q; hint: a pod reads Secrets of its own "+
			"namespace only",
			w.workload(), elsewhere[0].place(), text(elsewhere[0].Node, "metadata", "namespace"), w.stub.Namespace)
	}
	return nil, w.problem("", "%s is in no file that this build reads%s", w.workload(), w.others(documents))
}

// others names the workloads that there are.
func (w *wired) others(documents []Document) string {
	var names []string
	for _, d := range documents {
		if text(d.Node, "kind") == w.delivery.Workload.Kind || len(templates(d.Node)) > 0 {
			names = append(names, text(d.Node, "kind")+" "+text(d.Node, "metadata", "name"))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return "; hint: list its file under resources"
	}
	const most = 5
	return "; hint: " + closest.Hint(w.workload(), names) + "it has " + strings.Join(names[:min(most, len(names))], ", ") +
		"; write the name that the workload's own file has, before namePrefix and nameSuffix"
}

// Meet reports whether two objects may stand in one namespace: one that says none
// gets the other's, or the build's.
func Meet(a, b string) bool { return a == "" || b == "" || a == b }

func (d *Document) place() string { return fmt.Sprintf("%s:%d", d.File, d.Node.Line) }

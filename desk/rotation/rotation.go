// Package rotation decides what of sealed values can be made anew, by what their stubs say
// of how they were made, and what only people can replace.
//
// Nobody opens anything here, and no value is made here: the command line makes them in its
// process, the console in the browser.
package rotation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/exposure"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"
	kbuilt "github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/sealing"
)

// UnknownError are objects that a lost cluster opened at commits that the clone does not
// have: nobody can tell whether their values are in use.
type UnknownError struct {
	Cluster string
	Objects []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s opened %s at commits that this clone does not have", e.Cluster, strings.Join(e.Objects, ", "))
}

// CheckGone wants a lost cluster out of the fleet: what is sealed for a set opens wherever
// the set is. note says what to do later, "" for nothing.
func CheckGone(m *model.Model, cluster string) (note string, err error) {
	c, ok := m.Clusters[cluster]
	switch {
	case !ok:
		// A file that is refused is no file that is gone.
		return "", m.Refused(api.KindCluster, cluster)
	case c.Spec.Decommission:
		return "", nil
	case c.Spec.Suspend:
		return cluster + " is suspended, and still in its sets: take its file out before anybody resumes it", nil
	}
	return "", fault.New("write suspend: true into "+m.Files[api.KindCluster+"/"+cluster]+
		", or bulla cluster remove "+cluster+" --keep-objects; merge that, then run this again",
		"%s is in the fleet: what is sealed anew for its sets would open there too", cluster)
}

// Wanted are the fields to replace, by file, of what a cluster could read. Where nobody
// knows which fields of a file it had, all of them count. Without unknown, what was opened
// at commits that are not there is an [UnknownError].
func Wanted(cluster string, lost []exposure.Lost, stubs []exposure.Stub, unknown bool) (map[string][]string, error) {
	wanted, missing := map[string][]string{}, &UnknownError{Cluster: cluster}
	for _, l := range lost {
		if l.State == exposure.Unknown && !unknown {
			missing.Objects = append(missing.Objects, l.Object)
			continue
		}
		for _, still := range l.Rotate {
			wanted[still.Path] = append(wanted[still.Path], fields(still, stubs)...)
		}
	}
	if len(missing.Objects) > 0 {
		return nil, missing
	}
	for file, fields := range wanted {
		slices.Sort(fields)
		wanted[file] = slices.Compact(fields)
	}
	return wanted, nil
}

func fields(still exposure.Still, stubs []exposure.Stub) []string {
	if len(still.Fields) > 0 {
		return still.Fields
	}
	var all []string
	for _, s := range stubs {
		if s.Path == still.Path {
			all = append(all, s.Fields()...)
		}
	}
	return all
}

// Decision is what becomes of one block of a stub.
type Decision struct {
	Block  int
	Fields []string
	// Why says why a program cannot replace it; "" where it can.
	Why string
}

// Decide says of every block that has one of the fields whether it can be made anew. A
// block changes whole: nobody can open it to keep a part. lost is a cluster that gets no
// new value, "" for none.
func Decide(manifest *api.SealedManifest, recipes values.Recipes, fields []string, lost string) []Decision {
	var all []Decision
	for i, block := range manifest.Spec.Blocks {
		if slices.ContainsFunc(block.Fields, func(f string) bool { return slices.Contains(fields, f) }) {
			all = append(all, Decision{Block: i, Fields: block.Fields, Why: leaves(manifest, block, recipes, lost)})
		}
	}
	return all
}

// leaves says why a block is not replaced, "" if it is.
func leaves(manifest *api.SealedManifest, block api.Block, recipes values.Recipes, lost string) string {
	if stub.Immutable(manifest) && !stub.MayReplace(manifest) {
		return "its Secret is immutable, and no cluster takes another value: seal a stub of another name"
	}
	if len(Targets(block, lost)) == 0 {
		return "no cluster but " + lost + " has a lock: take it out, or seal it for another"
	}
	var without []string
	for _, field := range block.Fields {
		if key := kbuilt.DataKey(field); recipes[key] == (values.Recipe{}) {
			without = append(without, key)
		}
	}
	switch len(without) {
	case 0:
		return ""
	case len(block.Fields):
		return "nothing says how it was made"
	}
	return "it stands in one block with " + strings.Join(without, ", ") + ", which nothing says how to make"
}

// Targets are what a block is locked to, each once, but for a lost cluster.
func Targets(block api.Block, lost string) []string {
	var all []string
	for _, l := range block.Locks {
		target, err := sealing.ParseTarget(l.Target)
		if err == nil && lost != "" && target == (sealing.Target{Kind: sealing.Cluster, Name: lost}) {
			continue
		}
		if !slices.Contains(all, l.Target) {
			all = append(all, l.Target)
		}
	}
	return all
}

// Readers are the workloads that name what a stub becomes.
func Readers(index *built.Index, file string, manifest *api.SealedManifest) []string {
	objects := []string{manifest.Metadata.Namespace + "/" + manifest.Metadata.Name}
	if uses := index.Uses[file]; len(uses) > 0 {
		objects = nil
		for _, use := range uses {
			objects = append(objects, use.Namespace+"/"+use.Name)
		}
	}
	readers := []string{}
	for _, object := range objects {
		readers = append(readers, index.Readers[object]...)
	}
	slices.Sort(readers)
	return slices.Compact(readers)
}

// Part is a file, and keys of it.
type Part struct {
	File string
	Keys []string
}

// Message says what a commit replaces, why, and what it does not. by is what wrote it.
func Message(cluster string, lost []exposure.Lost, replaced, people []Part, by string) (subject, body string) {
	var b strings.Builder
	var last int64
	for _, l := range lost {
		last = max(last, l.Entry)
	}
	fmt.Fprintf(&b, "The cluster is lost. By the audit log up to entry %d it opened %s.\n"+
		"These are replaced, by values that nobody saw:\n\n", last, plural.Of(len(lost), "version"))
	for _, one := range replaced {
		fmt.Fprintf(&b, "- %s: %s\n", one.File, strings.Join(one.Keys, ", "))
	}
	if len(people) > 0 {
		b.WriteString("\nThese wait for a person:\n\n")
	}
	for _, one := range people {
		fmt.Fprintf(&b, "- %s: %s\n", one.File, strings.Join(one.Keys, ", "))
	}
	b.WriteString("\n" + by + "\n")
	return "Rotate what " + cluster + " could read", b.String()
}

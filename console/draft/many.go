package draft

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/desk/rotation"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/yamltext"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/sealing"
)

// MostFiles bounds a draft of several: each is sealed, built and shown. What is left is for
// the next one.
const MostFiles = 100

// Many is what a draft of several files is of. All of it is public.
type Many struct {
	// Cluster is lost: what is sealed anew has no lock for it.
	Cluster string
	// Parts are the files, and the keys in them, that are made anew.
	Parts []rotation.Part
	// Files are those of machines that enrolled, by their paths.
	Files map[string][]byte
	// Title and Body say in the commit what it is.
	Title, Body string
}

// works are those of a draft, one for each file that is sealed.
type works []*work

// lost asks what is sealed anew where a cluster is lost. What can be made is decided by what
// stands there now: whoever chose has seen an older commit.
func (m *Many) lost(ctx context.Context, b *kustomize.Builder, s base) (all works, err error) {
	if _, err := rotation.CheckGone(s.Model, m.Cluster); err != nil {
		return nil, err
	}
	if len(m.Parts) > MostFiles {
		return nil, fault.New("bulla rotate --exposed "+m.Cluster+", in a clone", "%d files are more than %d", len(m.Parts),
			MostFiles)
	}
	for _, part := range m.Parts {
		where, err := s.at(ctx, part.File)
		if err != nil {
			return nil, err
		}
		keys, err := m.anew(where.Where, part)
		if err != nil {
			return nil, err
		}
		never := []sealing.Target{{Kind: sealing.Cluster, Name: m.Cluster}}
		w, err := ask(ctx, b, s, where, sealjob.Job{What: valuesOf(keys), Whom: sealjob.Whom{Never: never},
			How: sealjob.How{Apart: true}})
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// anew are the keys of the blocks that have those of a part: a block changes whole.
func (m *Many) anew(where sealjob.Where, part rotation.Part) (keys []string, err error) {
	recipes, err := stub.Recipes(where.File, where.Stub)
	if err != nil {
		return nil, err
	}
	var fields []string
	for _, key := range part.Keys {
		fields = append(fields, "/data/"+key)
	}
	for _, d := range rotation.Decide(where.Stub, recipes, fields, m.Cluster) {
		if d.Why != "" {
			return nil, fault.New("begin again from the page of the cluster: what stands there is another now",
				"%s: %s", where.File, d.Why)
		}
		for _, field := range d.Fields {
			keys = append(keys, built.DataKey(field))
		}
	}
	if len(keys) == 0 {
		return nil, fault.New("begin again from the page of the cluster", "%s has none of %s any more", where.File,
			strings.Join(part.Keys, ", "))
	}
	return keys, nil
}

// asking is all that a browser is to seal.
func (all works) asking(c Choice) (*Asking, error) {
	asking := &Asking{}
	for _, w := range all {
		jobs, err := w.jobs(c)
		if err != nil {
			return nil, err
		}
		asking.Jobs, asking.Said = append(asking.Jobs, jobs...), append(asking.Said, w.said...)
	}
	return asking, nil
}

// take writes what a browser sealed, file by file.
func (all works) take(c Choice, blocks []api.Block) (done written, err error) {
	for i, w := range all {
		own := min(len(w.asked.Changes), len(blocks))
		if i == len(all)-1 {
			own = len(blocks) // also what is too much: the last one refuses it
		}
		one, err := w.take(c, blocks[:own])
		if err != nil {
			return done, err
		}
		for file, data := range one.files {
			done = done.with(file, data, one.keep[file])
		}
		blocks = blocks[own:]
	}
	return done, nil
}

// suspended is the cluster's file that says so: nothing is opened there, nothing pruned.
func (m *Many) suspended(s *clone.Snapshot) (map[string][]byte, error) {
	file := s.Model.Files[api.KindCluster+"/"+m.Cluster]
	if c := s.Model.Clusters[m.Cluster]; c == nil || c.Spec.Suspend {
		return nil, fault.New("load the page of the cluster anew", "%.60q is not in the fleet, or suspended already",
			m.Cluster)
	}
	data, err := s.Tree.ReadFile(file)
	if err != nil {
		return nil, err
	}
	edited, err := yamltext.SetScalar(data, "true", "spec", "suspend")
	if err == nil {
		var got *api.Cluster
		if got, err = api.ParseCluster(file, edited); err == nil && !got.Spec.Suspend {
			err = yamltext.ErrShape
		}
	}
	if err != nil {
		return nil, fault.New("set spec.suspend: true by hand, in a clone", "edit %s: %w", file, err)
	}
	return map[string][]byte{file: edited}, nil
}

// enrolled are the files of machines, none of which is there.
func (m *Many) enrolled(s *clone.Snapshot) (map[string][]byte, error) {
	if len(m.Files) == 0 {
		return nil, fault.New("choose at least one", "no machine is chosen")
	}
	for _, file := range slices.Sorted(maps.Keys(m.Files)) {
		c, err := api.ParseCluster(file, m.Files[file])
		if err != nil {
			return nil, err
		}
		if s.Tree.Exists(file) || s.Model.Clusters[c.Metadata.Name] != nil {
			return nil, fault.New("load the page of what enrolled anew", "%s has a file already", c.Metadata.Name)
		}
	}
	return m.Files, nil
}

// Body of the commit, after its title.
func (c Choice) Body() string {
	if c.Many == nil {
		return ""
	}
	return c.Many.Body
}

// said is the body in the text of a pull request, as far as it has room. The fence keeps
// names of files from being read as anything else.
func (c Choice) said(room int) string {
	const fence = "\n````text\n"
	body := strings.ReplaceAll(c.Body(), "````", "")
	if room -= 2 * utf8.RuneCountInString(fence); body == "" || room < 0 {
		return ""
	}
	if cut := []rune(body); len(cut) > room {
		body = string(cut[:max(0, room-2)]) + "…"
	}
	return fence + strings.TrimRight(body, "\n") + "\n````\n"
}

package tracecmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/render"
)

// way is what is known of an object, part by part.
type way struct {
	Object    object    `json:"object"`
	Delivery  delivery  `json:"delivery"`
	Placement placement `json:"placement"`
	Commit    commit    `json:"commit"`
	Stub      stub      `json:"stub"`
	Locks     locks     `json:"locks"`
	Audit     audit     `json:"audit"`
}

// part is of every part.
type part struct {
	// Missing says why the part cannot be had.
	Missing string `json:"missing,omitempty"`
}

type object struct {
	part
	Cluster   string `json:"cluster,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Sealed says that it came out of a stub.
	Sealed bool `json:"sealed"`
	// Unmade: the Delivery meant to apply it, and nothing says yet that it did.
	Unmade bool `json:"unmade,omitempty"`
	// Content is the content digest, of what is sealed.
	Content string `json:"content,omitempty"`
	// Until is set once Git places it no more: the last revision that did.
	Until string `json:"until,omitempty"`
}

type delivery struct {
	part
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Ready     string `json:"ready,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Revision  string `json:"revision,omitempty"`
	Variant   string `json:"variant,omitempty"`
	Suspended bool   `json:"suspended,omitempty"`
}

type placement struct {
	part
	Name string `json:"name,omitempty"`
	File string `json:"file,omitempty"`
	Path string `json:"path,omitempty"`
	// Placed says that the working tree places it on the cluster.
	Placed bool `json:"placed"`
}

type commit struct {
	part
	Hash string `json:"hash,omitempty"`
	// Says is who made it, and what for.
	Says string `json:"says,omitempty"`
}

type stub struct {
	part
	File   string   `json:"file,omitempty"`
	Digest string   `json:"digest,omitempty"`
	Fields []string `json:"fields,omitempty"`
	// Stored is the digest of the stub in the key service's store, which the file refers to.
	Stored string `json:"stored,omitempty"`
	// Current says that the working tree has this very file.
	Current bool `json:"current"`
}

type locks struct {
	part
	All []lock `json:"all,omitempty"`
}

type lock struct {
	Target string   `json:"target"`
	Fields []string `json:"fields"`
	Key    string   `json:"key"`
	// KeyStatus and Suite are of the sealing key, as fleet.yaml has it.
	KeyStatus string `json:"keyStatus"`
	Suite     string `json:"suite,omitempty"`
}

type audit struct {
	part
	// Grants are the entries that gave the cluster its answers for this stub.
	Grants []grant `json:"grants,omitempty"`
}

type grant struct {
	Entry   int64     `json:"entry"`
	Cluster string    `json:"cluster"`
	Time    time.Time `json:"time"`
	Head    string    `json:"head"`
	Says    string    `json:"says,omitempty"`
}

// tell prints the way.
func (t *tracer) tell() error {
	w := t.way
	table := render.Table{}
	add := func(name string, p part, lines ...string) {
		if p.Missing != "" {
			lines = []string{"not known: " + p.Missing}
		}
		for i, line := range lines {
			if i > 0 {
				name = ""
			}
			table.Rows = append(table.Rows, []string{name, strings.Join(strings.Fields(line), " ")})
		}
	}
	add("object", w.Object.part, w.Object.String())
	add("delivery", w.Delivery.part, w.Delivery.String())
	add("placement", w.Placement.part, w.Placement.String())
	add("commit", w.Commit.part, w.Commit.Hash+" "+w.Commit.Says)
	add("stub", w.Stub.part, w.Stub.String())
	var all []string
	for _, l := range w.Locks.All {
		all = append(all, fmt.Sprintf("%s for %s under key %s (%s)",
			strings.Join(l.Fields, " "), l.Target, l.Key, l.KeyStatus))
	}
	add("locks", w.Locks.part, all...)
	all = nil
	for _, g := range w.Audit.Grants {
		cluster := "" // said above, where it is one
		if w.Object.Cluster == "" {
			cluster = ", cluster " + g.Cluster
		}
		all = append(all, fmt.Sprintf("entry %d%s, %s, at head %s %s", g.Entry, cluster,
			g.Time.UTC().Format(time.RFC3339), shell.Short(g.Head), g.Says))
	}
	add("audit", w.Audit.part, all...)
	for i := range table.Rows {
		if table.Rows[i][0] == "" {
			table.Rows[i][0] = " " // a table has a dash for nothing
		}
	}
	return t.format.Print(t.shell.Stdout, w, table)
}

func (o object) String() string {
	says := fmt.Sprintf("%s %s/%s on %s", o.Kind, o.Namespace, o.Name, o.Cluster)
	if o.Sealed {
		says += ", sealed, content " + shell.Short(strings.TrimPrefix(o.Content, "sha256:"))
	}
	if o.Unmade {
		says += ", not applied yet"
	}
	if o.Until != "" {
		says += ", placed until " + o.Until
	}
	return says
}

func (d delivery) String() string {
	says := d.Namespace + "/" + d.Name
	if d.Variant != "" {
		says += ", variant " + d.Variant
	}
	if d.Ready == "True" {
		says += ", Ready"
	} else {
		says += ", not Ready: " + d.Reason
	}
	if d.Suspended {
		says += ", suspended"
	}
	if d.Revision != "" {
		says += ", at " + d.Revision
	}
	return says
}

func (p placement) String() string {
	says := p.Name + " (" + p.File + "), builds " + p.Path
	if !p.Placed {
		says += "; the working tree does not place it there"
	}
	return says
}

func (s stub) String() string {
	says := s.File + " (" + shell.Short(strings.TrimPrefix(s.Digest, "sha256:")) + ")"
	if s.Stored != "" {
		says += ", a reference to stub " + shell.Short(strings.TrimPrefix(s.Stored, "sha256:"))
	}
	if !s.Current {
		says += ", as it was: the working tree has another"
	}
	return says
}

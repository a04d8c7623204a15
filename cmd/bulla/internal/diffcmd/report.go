package diffcmd

import (
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Change is what would become of an object.
type Change string

// The changes.
const (
	// Created is not there, and would be.
	Created Change = "Created"
	// Changed is there, and would be another.
	Changed Change = "Changed"
	// Pruned is there, and would go.
	Pruned Change = "Pruned"
	// Stays is there, not in Git any more, and kept.
	Stays Change = "Stays"
	// Held is in Git, and nobody may have it.
	Held Change = "Held"
)

// report is what would change on a cluster.
type report struct {
	Cluster string `json:"cluster"`
	// Head is the one that the cluster took last.
	Head    string   `json:"head"`
	Changes []change `json:"changes"`
}

type change struct {
	Placement string `json:"placement"`
	Object    string `json:"object"`
	Change    Change `json:"change"`
	Why       string `json:"why,omitempty"`
	// Suspended: its Delivery is, and nothing happens before that ends.
	Suspended bool `json:"suspended,omitempty"`
	// Diff is in unified form. No sealed value is in it.
	Diff string `json:"diff,omitempty"`
}

// tell prints the report. Something that stays as it is, is no difference.
func (d *differ) tell() error {
	if d.format != render.Text {
		if err := d.format.Print(d.shell.Stdout, d.report, render.Table{}); err != nil {
			return err
		}
	}
	differs := 0
	for _, c := range d.report.Changes {
		if c.Change != Stays && c.Change != Held {
			differs++
		}
		if d.format == render.Text {
			d.print(c)
		}
	}
	if d.format == render.Text {
		d.shell.Printf("%s would change on %s, which is at %s\n", plural.Of(differs, "object"), d.report.Cluster,
			d.report.Head)
	}
	if differs > 0 {
		return fault.ErrDifferent
	}
	return nil
}

func (d *differ) print(c change) {
	var says []string
	if c.Why != "" {
		says = append(says, c.Why)
	}
	if c.Suspended {
		says = append(says, "its Delivery is suspended")
	}
	why := ""
	if len(says) > 0 {
		why = " (" + strings.Join(says, "; ") + ")"
	}
	d.shell.Printf("%s %s, placement %s%s\n", c.Change, printable.Name(c.Object), c.Placement, printable.Name(why))
	for line := range strings.Lines(c.Diff) {
		if !strings.HasPrefix(line, "@@") {
			d.shell.Printf("  %s", line)
		}
	}
}

package servicecmd

import (
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/ledger"
)

// printStatus writes the whole of it; a secret that is named stands alone.
func (a run) printStatus(format render.Format, status ledger.Status, secrets render.Table, secret string) error {
	if format != render.Text {
		return format.Print(a.Stdout, status, secrets)
	}
	if head := headLine(status); head != "" && secret == "" {
		a.Printf("%s\n\n", head)
	}
	tables := []render.Table{secrets}
	if secret == "" {
		tables = []render.Table{clustersTable(status), secrets, placementsTable(status)}
	}
	printed := false
	for _, table := range tables {
		if len(table.Rows) == 0 {
			continue
		}
		if printed {
			a.Printf("\n")
		}
		if err := format.Print(a.Stdout, status, table); err != nil {
			return err
		}
		printed = true
	}
	if secret != "" || countSecrets(status)+len(status.Placements) == 0 {
		what := "nothing of the kind"
		if secret != "" {
			what = "no such secret"
		}
		a.Nothing(len(secrets.Rows), what+" is placed on a cluster, or was reported by one")
	}
	if status.Refused != nil {
		a.Warnf("%s", status.Refused.Says(status.Time))
	}
	a.warnSilent(status)
	a.warnDenied(status)
	return nil
}

func headLine(status ledger.Status) string {
	if status.Head == "" {
		return ""
	}
	line := "head " + status.Head
	if status.Accepted != nil {
		line += ", accepted " + shell.Ago(status.Time, status.Accepted) + " ago"
	}
	if status.Looked != nil {
		line += ", seen to be the newest " + shell.Ago(status.Time, status.Looked) + " ago"
	}
	return line
}

func clustersTable(status ledger.Status) render.Table {
	table := render.Table{Header: []string{"CLUSTER", "STANDING", "HEAD", "LAST REPORT"}}
	for _, c := range status.Clusters {
		table.Rows = append(table.Rows,
			[]string{c.Name, standingOf(c), headOf(status, c), shell.Ago(status.Time, c.Reported)})
	}
	return table
}

func standingOf(c ledger.Cluster) string {
	text := string(c.Standing)
	if c.Decommissioned {
		text += ", decommissioned"
	}
	if c.Suspended != nil {
		text += ", FleetSync suspended" + c.Suspended.Text()
	}
	return text
}

func headOf(status ledger.Status, c ledger.Cluster) string {
	switch {
	case c.Head == "":
		return ""
	case status.Behind(c):
		return shell.Short(c.Head) + " (not the accepted one)"
	}
	return shell.Short(c.Head)
}

// placementsTable has what is not well, and what has no secret that would stand in
// the other table.
func placementsTable(status ledger.Status) render.Table {
	table := render.Table{Header: []string{"PLACEMENT", "CLUSTER", "STATE", "SINCE", "SAYS"}}
	for _, p := range status.Placements {
		switch {
		case p.Broken != "":
			table.Rows = append(table.Rows, []string{p.Name, "", "Broken", "", p.Broken})
		case p.Suspended:
			table.Rows = append(table.Rows, []string{p.Name, "", "Suspended", "", "in Git"})
		}
		table.Rows = append(table.Rows, endRows(status, p)...)
		for _, c := range status.Clusters {
			if c.Standing != ledger.Left && slices.Contains(p.Clusters, c.Name) {
				table.Rows = append(table.Rows, deliveryRows(status, p, c)...)
			}
		}
	}
	for _, c := range status.Clusters { // what Git does not place any more
		for _, d := range c.Deliveries {
			if !slices.ContainsFunc(status.Placements, func(p ledger.Placement) bool { return p.Name == d.Placement }) {
				table.Rows = append(table.Rows, deliveryRow(status, c, d))
			}
		}
	}
	table.Sort()
	return table
}

// endRows say when a placement ends by itself, clusters with one end together.
func endRows(status ledger.Status, p ledger.Placement) [][]string {
	by := map[time.Time][]string{}
	for _, end := range p.Ends {
		by[end.NotAfter] = append(by[end.NotAfter], end.Cluster)
	}
	var rows [][]string
	for end, clusters := range by {
		state := "Ends"
		if !status.Time.Before(end) {
			state = "Ended"
		}
		where := strings.Join(clusters, ", ")
		if len(clusters) > 3 {
			where = plural.Of(len(clusters), "cluster")
		}
		rows = append(rows, []string{p.Name, where, state, "", "notAfter " + end.Format(time.RFC3339)})
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[1], b[1]) })
	return rows
}

func deliveryRows(status ledger.Status, p ledger.Placement, c ledger.Cluster) [][]string {
	d := c.Delivery(p.Name)
	if d == nil {
		return [][]string{{p.Name, c.Name, "Unknown", "", "the cluster says nothing of it"}}
	}
	hasSecrets := slices.ContainsFunc(c.Secrets, func(s ledger.Secret) bool { return s.Placement == p.Name })
	if d.Well() && hasSecrets {
		return nil
	}
	return [][]string{deliveryRow(status, c, *d)}
}

func deliveryRow(status ledger.Status, c ledger.Cluster, d ledger.Delivery) []string {
	says := d.Message
	if d.Suspended != nil {
		says = strings.TrimSpace("on the cluster" + d.Suspended.Text())
	} else if d.Well() {
		says = plural.Of(d.Objects, "object")
	}
	if d.Variant != "" {
		says = strings.TrimSpace("variant " + d.Variant + ": " + says)
	}
	return []string{d.Placement, c.Name, d.String(), shell.Ago(status.Time, d.Since), says}
}

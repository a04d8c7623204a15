package standing

import "github.com/bulla-dev/bulla/desk/ledger"

// placeLedger enters what clusters say of what is there.
func (f *Fleet) placeLedger() {
	if f.Status == nil {
		return
	}
	accepted := f.accepted()
	scratch := &placing{secrets: make([]State, len(f.applications)), said: make([]bool, len(f.applications)),
		placed: make([]bool, len(f.applications))}
	for i := range f.Status.Clusters {
		c := &f.Status.Clusters[i]
		column, known := f.cluster[c.Name]
		if !known {
			continue
		}
		f.said[column] = c
		scratch.begin(accepted[column])
		f.placeCluster(column, c, scratch)
	}
}

// placing is what is known of one cluster, by application: a fleet has hundreds of thousands
// of pairs, and maps of them are most of the time.
type placing struct {
	secrets      []State // the worst; None for no secret
	said, placed []bool
}

func (p *placing) begin(placed []int) {
	clear(p.secrets)
	clear(p.said)
	clear(p.placed)
	for _, row := range placed {
		p.placed[row] = true
	}
}

// accepted are the placements of the head that the key service accepted, by cluster. What
// Git places beyond it is Configured, and nothing worse.
func (f *Fleet) accepted() [][]int {
	by := make([][]int, len(f.clusters))
	for i := range f.Status.Placements {
		p := &f.Status.Placements[i]
		row := f.application[p.Name]
		for _, cluster := range p.Clusters {
			if column, known := f.cluster[cluster]; known {
				by[column] = append(by[column], row)
			}
		}
	}
	return by
}

func (f *Fleet) placeCluster(column int, c *ledger.Cluster, p *placing) {
	for j := range c.Secrets {
		row, known := f.application[c.Secrets[j].Placement]
		state := SecretState(&c.Secrets[j])
		if !known || state == Deprovisioned && p.placed[row] {
			continue // what was taken away says nothing of an application that stays
		}
		p.secrets[row] = worse(p.secrets[row], state)
	}
	for j := range c.Deliveries {
		if row, known := f.application[c.Deliveries[j].Placement]; known {
			p.said[row] = true
			*f.at(row, column) = together(ofDelivery(&c.Deliveries[j]), p.secrets[row], p.placed[row])
		}
	}
	for row := range f.applications {
		switch {
		case p.said[row]:
		case p.secrets[row] != None:
			*f.at(row, column) = together(Delivered, p.secrets[row], p.placed[row])
		case p.placed[row]:
			*f.at(row, column) = f.unsaid(c)
		}
	}
	f.shade(column, c)
}

// together is what a cluster says of an application, and the worst of its secrets.
func together(delivery, secrets State, placed bool) State {
	switch {
	case !placed && delivery == Delivered && secrets != Deprovisioned:
		return Leaving // the cluster has it, and Git does not place it
	case delivery == Delivered && secrets != None:
		return secrets
	case delivery == Held && secrets == Denied:
		return Denied
	}
	return delivery
}

// unsaid is what is placed on a cluster that says nothing of it.
func (f *Fleet) unsaid(c *ledger.Cluster) State {
	if c.Standing == ledger.Member && c.Reported != nil && !f.Status.Behind(*c) {
		return Missing
	}
	return Configured
}

// shade turns what a cluster last said into what is known of it now.
func (f *Fleet) shade(column int, c *ledger.Cluster) {
	for row := range f.applications {
		cell := f.at(row, column)
		switch {
		case *cell == None || *cell == Deprovisioned:
		case c.Silent && c.Reported != nil:
			*cell = worse(*cell, Silent)
		case c.Suspended != nil || c.Standing == ledger.Suspended:
			*cell = worse(*cell, Held)
		}
	}
}

func worse(a, b State) State { return max(a, b) }

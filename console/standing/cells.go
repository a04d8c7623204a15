package standing

import "github.com/bulla-dev/bulla/desk/ledger"

// placeLedger enters what clusters say of what is there.
func (f *Fleet) placeLedger() {
	if f.Status == nil {
		return
	}
	accepted := f.accepted()
	for i := range f.Status.Clusters {
		c := &f.Status.Clusters[i]
		column, known := f.cluster[c.Name]
		if !known {
			continue
		}
		f.said[column] = c
		f.placeCluster(column, c, accepted)
	}
}

// accepted are the placements of the head that the key service accepted, by cluster. What
// Git places beyond it is Configured, and nothing worse.
func (f *Fleet) accepted() map[string][]int {
	by := map[string][]int{}
	for i := range f.Status.Placements {
		p := &f.Status.Placements[i]
		for _, cluster := range p.Clusters {
			by[cluster] = append(by[cluster], f.application[p.Name])
		}
	}
	return by
}

func (f *Fleet) placeCluster(column int, c *ledger.Cluster, accepted map[string][]int) {
	secrets := map[int]State{} // the worst of each application
	for j := range c.Secrets {
		if row, known := f.application[c.Secrets[j].Placement]; known {
			secrets[row] = worse(secrets[row], SecretState(&c.Secrets[j]))
		}
	}
	placed := make(map[int]bool, len(accepted[c.Name]))
	for _, row := range accepted[c.Name] {
		placed[row] = true
	}
	said := map[int]bool{}
	for j := range c.Deliveries {
		row, known := f.application[c.Deliveries[j].Placement]
		if !known {
			continue
		}
		said[row] = true
		*f.at(row, column) = together(ofDelivery(&c.Deliveries[j]), secrets[row], placed[row])
	}
	for row, state := range secrets {
		if !said[row] {
			*f.at(row, column) = together(Delivered, state, placed[row])
		}
	}
	for row := range placed {
		if _, has := secrets[row]; !said[row] && !has {
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

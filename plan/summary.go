package plan

// summarize counts what stands in the plan.
func (p *Plan) summarize() {
	s := Summary{MissingLocks: len(p.MissingLocks), Blockers: len(p.Blockers), Returns: len(p.Returns),
		KeysDue: len(p.KeysDue)}
	touched, gaining, losing := names{}, names{}, names{}
	secrets := map[Change]names{Gained: {}, Lost: {}, Changed: {}, Moved: {}}
	for _, g := range p.Grants {
		touched.add(g.On.Names...)
		for _, c := range g.Changes {
			secrets[c.Change].add(c.Placement + "\x00" + c.Object.key())
			switch c.Change {
			case Gained:
				gaining.add(g.On.Names...)
			case Lost:
				losing.add(g.On.Names...)
			}
		}
	}
	restarts, held, ends := names{}, names{}, names{}
	objects := map[Change]names{Added: {}, Removed: {}, Changed: {}, Moved: {}}
	for _, d := range p.Deliveries {
		touched.add(d.On.Names...)
		for _, o := range d.Restarts {
			restarts.add(o.key())
		}
		if d.Ends != "" {
			ends.add(d.Placement)
		}
		if d.Prune != nil && d.Prune.Held {
			held.add(d.Placement)
		}
		for _, o := range d.Objects {
			objects[o.Change].add(d.Placement + "\x00" + o.Object.key())
		}
	}
	for _, c := range p.ClusterFiles {
		touched.add(c.On.Names...)
	}
	s.Clusters, s.ClustersGaining, s.ClustersLosing = len(touched), len(gaining), len(losing)
	s.SecretsGained, s.SecretsLost = len(secrets[Gained]), len(secrets[Lost])
	s.SecretsChanged, s.SecretsMoved = len(secrets[Changed]), len(secrets[Moved])
	s.ObjectsAdded, s.ObjectsRemoved = len(objects[Added]), len(objects[Removed])
	s.ObjectsChanged, s.ObjectsMoved = len(objects[Changed]), len(objects[Moved])
	s.Restarts, s.PrunesHeld, s.EndsMoved = len(restarts), len(held), len(ends)
	p.Summary = s
}

type names map[string]bool

func (n names) add(all ...string) {
	for _, name := range all {
		n[name] = true
	}
}

func (o Object) key() string {
	return o.Group + "\x00" + o.Kind + "\x00" + o.Namespace + "\x00" + o.Name
}

package plan

// Format is the version of a plan's form, for those who read it by program.
const Format = "bulla.dev/plan/v1"

// Plan is the difference between two revisions. Lists are sorted, and never null.
type Plan struct {
	Format string   `json:"format"`
	Base   Revision `json:"base"`
	Head   Revision `json:"head"`
	// Notes are what a reader should know about the comparison itself.
	Notes []string `json:"notes"`
	// Blockers stand at the head and not at the base: what keeps something from being
	// delivered, or from being told. Known ones stood before: of builds, only those that
	// the change may have touched, and their neighbours, see [Options.Whole].
	Blockers []Problem `json:"blockers"`
	Known    []Problem `json:"known"`
	// Fleet is what changes in fleet.yaml, ClusterFiles in the files of clusters.
	Fleet        []FleetChange   `json:"fleet"`
	ClusterFiles []ClusterChange `json:"clusterFiles"`
	// Waves are the placements whose clusters take their turns otherwise.
	Waves []WaveChange `json:"waves"`
	// Grants are what clusters gain, lose or get anew, alike clusters together.
	Grants []Grants `json:"grants"`
	// MissingLocks are values that no lock opens where they are placed now, and were not
	// before, or opened there.
	MissingLocks []Missing `json:"missingLocks"`
	// Returns are values that the head has again, after they were replaced or taken out.
	Returns []Return `json:"returns"`
	// KeysDue are superseded sealing keys that stubs of the head still need. They are no
	// change.
	KeysDue []KeyDue `json:"keysDue"`
	// Deliveries are what changes of placements, alike clusters together.
	Deliveries []Delivery `json:"deliveries"`
	Summary    Summary    `json:"summary"`
}

// Revision is one side of the comparison.
type Revision struct {
	// Name is what was asked for, Commit the commit that it is.
	Name   string `json:"name"`
	Commit string `json:"commit"`
}

// Problem is one thing that is wrong.
type Problem struct {
	File string `json:"file,omitempty"`
	// Line of the file, from 1; 0 when none is known.
	Line      int    `json:"line,omitempty"`
	Placement string `json:"placement,omitempty"`
	Problem   string `json:"problem"`
	Hint      string `json:"hint"`
}

// FleetChange is one change of fleet.yaml.
type FleetChange struct {
	Field  string `json:"field"`
	Change string `json:"change"`
}

// ClusterChange is one change of clusters' files.
type ClusterChange struct {
	On     Clusters `json:"on"`
	Change string   `json:"change"`
}

// Clusters are clusters for which the same changes.
type Clusters struct {
	// Title names them in a few words: "set/retail", "cluster/prod-eu", "12 clusters".
	Title string `json:"title"`
	Count int    `json:"count"`
	// Names are all of them, sorted.
	Names []string `json:"names"`
}

// Change is what became of something.
type Change string

// The changes.
const (
	Gained  Change = "gained"
	Lost    Change = "lost"
	Added   Change = "added"
	Removed Change = "removed"
	// Changed: of a grant, another value; of an object, another content; of a placement,
	// other objects or another variant.
	Changed Change = "changed"
	// Moved: the same value or object, by another placement.
	Moved Change = "moved"
)

// Grants are what changes of what some clusters may open.
type Grants struct {
	On      Clusters `json:"on"`
	Changes []Grant  `json:"changes"`
}

// Grant is one sealed object, and what becomes of its fields.
type Grant struct {
	Change    Change `json:"change"`
	Placement string `json:"placement"`
	// From is the placement that it moved from.
	From   string   `json:"from,omitempty"`
	Object Object   `json:"object"`
	Fields []string `json:"fields"`
	// Stub is the file: at the head, or at the base for what is lost.
	Stub string `json:"stub"`
	// Because are the files through which it comes about.
	Because []Cause `json:"because"`
}

// Object names one.
type Object struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// Cause is one reason for a change of a grant.
type Cause struct {
	// Path says which of the ways it is by which access is granted.
	Path GrantingPath `json:"path"`
	// Files are those that changed, sorted.
	Files []string `json:"files"`
	What  string   `json:"what"`
}

// GrantingPath is a way by which a tree grants.
type GrantingPath string

// The granting paths.
const (
	ByFleet     GrantingPath = "fleet"
	ByCluster   GrantingPath = "cluster"
	BySet       GrantingPath = "set"
	ByPlacement GrantingPath = "placement"
	ByVariant   GrantingPath = "variant"
	ByBuild     GrantingPath = "build"
)

// Missing is a placed object that some clusters cannot open.
type Missing struct {
	On        Clusters `json:"on"`
	Placement string   `json:"placement"`
	Object    Object   `json:"object"`
	Fields    []string `json:"fields"`
	Stub      string   `json:"stub"`
	Problem   string   `json:"problem"`
	Hint      string   `json:"hint"`
}

// Delivery is what changes of one placement on some clusters.
type Delivery struct {
	Change    Change   `json:"change"`
	Placement string   `json:"placement"`
	On        Clusters `json:"on"`
	// Before and After are the variants that a change is between, "" for the placement's own.
	// Both are "" where it stays in one, comes or leaves.
	Before string `json:"variantBefore,omitempty"`
	After  string `json:"variantAfter,omitempty"`
	// Settings are the fields of its spec that change, but for targets and variants.
	Settings []string `json:"settings,omitempty"`
	// Ends says when it leaves by itself, where its targets change that: access that was
	// for a time may be for good now.
	Ends    string         `json:"ends,omitempty"`
	Objects []ObjectChange `json:"objects"`
	// Restarts are the workloads whose pods are made anew.
	Restarts []Object `json:"restarts,omitempty"`
	Prune    *Prune   `json:"prune,omitempty"`
	// Waits say what keeps changes from arriving at once, as of now.
	Waits []string `json:"waits,omitempty"`
}

// ObjectChange is what becomes of one object.
type ObjectChange struct {
	Change Change `json:"change"`
	Object Object `json:"object"`
	// Other is the placement that it moved from or to.
	Other string `json:"other,omitempty"`
	// Fields are the sealed ones that change, sorted.
	Fields []string `json:"fields,omitempty"`
	// Stub is the file of a sealed object.
	Stub string `json:"stub,omitempty"`
	// Stays says why it stays in the cluster for now, or for good, though it is removed, for
	// a reason of its own; see [Prune] for those of its placement.
	Stays string `json:"stays,omitempty"`
}

// Summary counts. Clusters are counted once each, secrets once for each placement.
type Summary struct {
	Clusters        int `json:"clusters"`
	ClustersGaining int `json:"clustersGaining"`
	ClustersLosing  int `json:"clustersLosing"`
	SecretsGained   int `json:"secretsGained"`
	SecretsLost     int `json:"secretsLost"`
	SecretsChanged  int `json:"secretsChanged"`
	SecretsMoved    int `json:"secretsMoved"`
	ObjectsAdded    int `json:"objectsAdded"`
	ObjectsChanged  int `json:"objectsChanged"`
	ObjectsRemoved  int `json:"objectsRemoved"`
	ObjectsMoved    int `json:"objectsMoved"`
	Restarts        int `json:"restarts"`
	EndsMoved       int `json:"endsMoved"`
	PrunesHeld      int `json:"prunesHeld"`
	MissingLocks    int `json:"missingLocks"`
	Returns         int `json:"returns"`
	KeysDue         int `json:"keysDue"`
	Blockers        int `json:"blockers"`
}

// Changes reports whether the two revisions differ in anything that a plan tells.
func (p *Plan) Changes() bool {
	return len(p.Fleet)+len(p.ClusterFiles)+len(p.Waves)+len(p.Grants)+len(p.MissingLocks)+len(p.Deliveries) > 0
}

// Blocked reports whether something at the head is wrong that was not before.
func (p *Plan) Blocked() bool { return len(p.Blockers) > 0 }

// Block adds a problem that was found beside the comparison.
func (p *Plan) Block(problem Problem) {
	p.Blockers = append(p.Blockers, problem)
	p.Summary.Blockers = len(p.Blockers)
}

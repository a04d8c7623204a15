package report

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/kustomize"
)

// What the key service's ledger knows of this cluster is what is reported here:
// a secret is Provisioned once it is applied, InUse once a workload of its
// placement that reads it has rolled out, Deprovisioned once it is confirmed
// absent. Reporting holds up nothing: Deliveries say what stands, and go on.

// Key names a sealed object in the ledger: by its kind too, if it is no
// Secret.
type Key struct{ namespace, name string }

// KeyOfID is the key of a built object.
func KeyOfID(id kustomize.ObjectID) Key {
	return Key{id.Namespace, protocol.LedgerName(id.Group, id.Kind, id.Name)}
}

// NewSecret begins the report of one secret.
func NewSecret(placement string, id kustomize.ObjectID, digest string, workloads []string) *keyservicev1.SecretReport {
	key := KeyOfID(id)
	report := &keyservicev1.SecretReport{Placement: placement, Namespace: key.namespace, Name: key.name, Digest: digest,
		State: keyservicev1.SecretState_SECRET_STATE_PROVISIONED}
	if len(workloads) > 0 {
		slices.Sort(workloads)
		report.Workloads = workloads[:min(len(workloads), protocol.MaxWorkloads)]
		report.State = keyservicev1.SecretState_SECRET_STATE_IN_USE
	}
	return report
}

// KeyOf is the key of what a report is about.
func KeyOf(report *keyservicev1.SecretReport) Key {
	return Key{report.GetNamespace(), report.GetName()}
}

// reportBook is what there is to report, and what the ledger has of it. It is
// safe for concurrent use.
type reportBook struct {
	mu sync.Mutex
	// standing is by Delivery; one that has none is there with an empty list.
	standing map[string][]*keyservicev1.SecretReport
	// gone was confirmed absent, and is kept until the ledger has it.
	gone map[Key]*keyservicev1.SecretReport
	// ledger is what the key service took last.
	ledger map[Key]*keyservicev1.SecretReport
	// wake is called when there may be something new.
	Wake func()
}

func newReportBook(wake func()) *reportBook {
	return &reportBook{Wake: wake, standing: map[string][]*keyservicev1.SecretReport{},
		gone: map[Key]*keyservicev1.SecretReport{}, ledger: map[Key]*keyservicev1.SecretReport{}}
}

// stands says all sealed objects that a Delivery has now.
func (b *reportBook) Stands(delivery string, secrets []*keyservicev1.SecretReport) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, known := b.standing[delivery]
	b.standing[delivery] = secrets
	for _, secret := range secrets {
		delete(b.gone, KeyOf(secret))
	}
	if !known || !slices.EqualFunc(before, secrets, func(a, b *keyservicev1.SecretReport) bool { return proto.Equal(a, b) }) {
		b.Wake()
	}
}

// knows says whether a Delivery said what it has.
func (b *reportBook) knows(delivery string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, known := b.standing[delivery]
	return known
}

// said is what a Delivery said last that it has.
func (b *reportBook) Said(delivery string) (secrets []*keyservicev1.SecretReport, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	secrets, known = b.standing[delivery]
	return secrets, known
}

// lost says that sealed objects are not there, whoever deleted them: as absent,
// if the ledger has them standing. It may be said in every pass.
func (b *reportBook) Lost(secrets []*keyservicev1.SecretReport) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, secret := range secrets {
		if has := b.ledger[KeyOf(secret)]; has == nil || !isStanding(has) {
			continue
		}
		secret.State = keyservicev1.SecretState_SECRET_STATE_DEPROVISIONED
		b.gone[KeyOf(secret)] = secret
	}
}

// left says that a Delivery is no more. What stood of it and was not pruned is
// nobody's now.
func (b *reportBook) left(delivery string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.standing[delivery]; known {
		delete(b.standing, delivery)
		b.Wake()
	}
}

// absent says that sealed objects were confirmed absent.
func (b *reportBook) Absent(secrets ...*keyservicev1.SecretReport) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, secret := range secrets {
		secret.State, secret.Workloads = keyservicev1.SecretState_SECRET_STATE_DEPROVISIONED, nil
		b.gone[KeyOf(secret)] = secret
	}
	b.Wake()
}

// all is everything that there is to say: what stands, and what is gone. A
// secret that came back is not gone.
func (b *reportBook) all() map[Key]*keyservicev1.SecretReport {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.allLocked()
}

func (b *reportBook) allLocked() map[Key]*keyservicev1.SecretReport {
	all := maps.Clone(b.gone)
	for _, secrets := range b.standing {
		for _, secret := range secrets {
			all[KeyOf(secret)] = secret
		}
	}
	return all
}

// news is what the ledger does not have. What it has and we do not know any more
// is unknown: somebody else's now, or orphaned.
func (b *reportBook) news() []*keyservicev1.SecretReport {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.allLocked()
	var news []*keyservicev1.SecretReport
	for key, secret := range all {
		if !proto.Equal(b.ledger[key], secret) {
			news = append(news, secret)
		}
	}
	for key, has := range b.ledger {
		if _, still := all[key]; !still {
			lost := proto.CloneOf(has)
			lost.State, lost.Workloads = keyservicev1.SecretState_SECRET_STATE_UNSPECIFIED, nil
			news = append(news, lost)
		}
	}
	return Sorted(news)
}

// Sorted orders reports by their keys.
func Sorted(secrets []*keyservicev1.SecretReport) []*keyservicev1.SecretReport {
	slices.SortFunc(secrets, func(a, b *keyservicev1.SecretReport) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	return secrets
}

// took says that the ledger has these now; what is gone, or unknown, need not be
// said again.
func (b *reportBook) took(secrets []*keyservicev1.SecretReport) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, secret := range secrets {
		key := KeyOf(secret)
		if isStanding(secret) {
			b.ledger[key] = secret
			continue
		}
		delete(b.ledger, key)
		if proto.Equal(b.gone[key], secret) {
			delete(b.gone, key)
		}
	}
}

func isStanding(secret *keyservicev1.SecretReport) bool {
	return secret.GetState() == keyservicev1.SecretState_SECRET_STATE_PROVISIONED ||
		secret.GetState() == keyservicev1.SecretState_SECRET_STATE_IN_USE
}

// forgetLedger says that a complete report begins: the ledger has what is in it
// and nothing else.
func (b *reportBook) forgetLedger() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.ledger)
}

// pending is what is gone and the ledger does not have.
func (b *reportBook) pending() []*keyservicev1.SecretReport {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Sorted(slices.Collect(maps.Values(b.gone)))
}

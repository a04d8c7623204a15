package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/report"
	"github.com/bulla-dev/bulla/fixtures/chart"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// bookkeeper is the key service's ledger as one cluster sees it.
type bookkeeper struct {
	mu       sync.Mutex
	down     bool
	refuses  bool
	refused  int
	complete bool
	parts    map[string]bool // of the complete report under way
	rows     map[string]*keyservicev1.SecretReport
	heads    map[string]bool
	calls    int
	state    *keyservicev1.ClusterState
}

func newBookkeeper() *bookkeeper {
	return &bookkeeper{rows: map[string]*keyservicev1.SecretReport{}, heads: map[string]bool{}}
}

func (b *bookkeeper) Unseal(context.Context, string, []string) (*keyservice.Answers, error) {
	return nil, keyservice.ErrUnavailable
}

func (b *bookkeeper) Renew(context.Context) (*keyservice.Credentials, error) {
	return nil, keyservice.ErrUnavailable
}

func (b *bookkeeper) Report(_ context.Context, in *keyservicev1.ReportRequest) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return false, &keyservice.UnavailableError{Err: errors.New("down")}
	}
	if b.refuses {
		b.refused++
		return false, &keyservice.DeniedError{Reason: keyservicev1.ReasonNotInFleet}
	}
	b.calls++
	b.heads[in.GetHead()] = true
	if in.State != nil {
		b.state = in.State
	}
	if in.GetComplete() && in.GetPart() == 0 {
		b.parts = map[string]bool{}
	}
	for _, secret := range in.GetSecrets() {
		key := secret.GetNamespace() + "/" + secret.GetName()
		b.rows[key] = secret
		if in.GetComplete() {
			b.parts[key] = true
		}
	}
	if in.GetComplete() && !in.GetMore() {
		maps.DeleteFunc(b.rows, func(key string, _ *keyservicev1.SecretReport) bool { return !b.parts[key] })
		b.complete = true
	}
	return !b.complete, nil
}

func (b *bookkeeper) set(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

// refuse has the service say that the cluster is not in the fleet.
func (b *bookkeeper) refuse(refuses bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuses = refuses
}

func (b *bookkeeper) refusals() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// forget loses the database.
func (b *bookkeeper) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.rows)
	b.complete = false
}

// says is "name: State workloads", sorted.
func (b *bookkeeper) says() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := []string{}
	for _, secret := range b.rows {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s: %s %s", secret.GetName(), secret.GetState().Name(), strings.Join(secret.GetWorkloads(), ","))))
	}
	slices.Sort(lines)
	return lines
}

// all are the rows as they stand.
func (b *bookkeeper) all() map[string]*keyservicev1.SecretReport {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.rows)
}

func (b *bookkeeper) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

// hears waits until the ledger has exactly these lines.
func (w *deliveryWorld) hears(want ...string) {
	w.t.Helper()
	eventually(w.t, "the ledger hears it", func() error {
		if diff := cmp.Diff(want, w.ledger.says()); diff != "" {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		return nil
	})
}

func TestTheLedgerHearsWhatBecomesOfASecret(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.alien(w.object("{apiVersion: v1, kind: Secret, metadata: {name: unsealed, namespace: %[1]s}}"))
	db, lone := w.seal("db", map[string]string{"password": "x9"}), w.seal("lone", map[string]string{"a": "b"})
	w.place("shop", w.deployment("api", "db"), w.deployment("plain", "unsealed"), db, lone)
	w.commit()
	w.hears("db: InUse Deployment/api", "lone: Provisioned")
	w.settled()
	for _, secret := range w.ledger.all() {
		if secret.GetPlacement() != "shop" || secret.GetNamespace() != w.ns || !strings.HasPrefix(secret.GetDigest(), "sha256:") {
			t.Errorf("%v", secret)
		}
	}

	// A workload and a secret leave the placement that stays.
	w.place("shop", w.deployment("plain", "unsealed"), db)
	w.commit()
	w.hears("db: Provisioned", "lone: Deprovisioned")

	// A rotated value is another stub; its digest follows.
	next := w.seal("db", map[string]string{"password": "y1"})
	w.place("shop", w.deployment("api", "db"), next)
	w.commit()
	w.hears("db: InUse Deployment/api", "lone: Deprovisioned")
	if got := w.ledger.all()[w.ns+"/db"].GetDigest(); got != next.Stub.Digest {
		t.Errorf("digest %s, want %s", got, next.Stub.Digest)
	}

	delete(w.git, "shop")
	w.commit()
	w.hears("db: Deprovisioned", "lone: Deprovisioned")
	w.settled()
}

func TestAPlacementThatDoesNotWaitIsInUseOnceItRolledOut(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	wait := false
	w.place("shop", w.deployment("api", "db"), w.seal("db", map[string]string{"a": "b"})).spec.Wait = &wait
	w.commit()
	w.settled()
	eventually(t, "it is in use", func() error {
		w.ask("shop", time.Now().String()) // a test does not wait for the poll
		if diff := cmp.Diff([]string{"db: InUse Deployment/api"}, w.ledger.says()); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

func TestAWorkloadThatDidNotRollOutUsesNothing(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	stuck := w.deployment("stuck", "db")
	template := stuck.Object["spec"].(map[string]any)["template"].(map[string]any)
	template["spec"].(map[string]any)["nodeSelector"] = map[string]any{"no": "such-node"}
	w.place("shop", stuck, w.deployment("api", "key"), w.seal("db", map[string]string{"a": "b"}), w.seal("key", map[string]string{"a": "b"}))
	w.commit()
	w.hears("db: Provisioned", "key: InUse Deployment/api")
}

func TestReportingHoldsUpNothingAndForgetsNothing(t *testing.T) {
	w := newDeliveryWorld(t)
	stop := w.run()
	w.place("shop", w.deployment("api", "db"), w.seal("db", map[string]string{"a": "b"}))
	w.place("other", w.seal("key", map[string]string{"a": "b"}))
	w.commit()
	w.hears("db: InUse Deployment/api", "key: Provisioned")

	// With the ledger down everything is pruned, and the Delivery goes.
	w.ledger.set(true)
	delete(w.git, "shop")
	w.commit()
	w.settled()
	eventually(t, "what was not reported is kept", func() error {
		return w.client.Get(t.Context(), client.ObjectKey{Namespace: w.system, Name: report.UnreportedSecret}, &corev1.Secret{})
	})
	stop()

	// Over a restart it is not forgotten.
	w.run()
	w.settled()
	w.ledger.set(false)
	w.hears("db: Deprovisioned", "key: Provisioned")
	eventually(t, "nothing is kept any more", func() error {
		err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.system, Name: report.UnreportedSecret}, &corev1.Secret{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("the secret is still there: %w", err)
		}
		return nil
	})
}

func TestAClusterThatWasRefusedReportsAtTheNextHead(t *testing.T) {
	w := newDeliveryWorld(t)
	// Nothing but another head shortens these.
	w.reportEvery, w.reportRetry = 24*time.Hour, 24*time.Hour
	w.ledger.refuse(true)
	w.run()
	w.place("shop", w.seal("db", map[string]string{"a": "b"}))
	w.commit()
	eventually(t, "it is refused", func() error {
		if w.ledger.refusals() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	w.ledger.refuse(false)
	w.place("other", w.seal("key", map[string]string{"a": "b"}))
	w.commit()
	w.hears("db: Provisioned", "key: Provisioned")
}

func TestALedgerThatForgotHearsEverythingAgain(t *testing.T) {
	w := newDeliveryWorld(t)
	w.reportEvery = 300 * time.Millisecond
	w.run()
	w.place("shop", w.deployment("api", "db"), w.seal("db", map[string]string{"a": "b"}))
	w.commit()
	w.hears("db: InUse Deployment/api")
	w.settled()
	w.quiet()

	// Alive is all that a cluster says in which nothing happens, and it costs the
	// API server nothing.
	mark, calls := w.mark(), w.ledger.count()
	eventually(t, "it says that it is alive", func() error {
		if w.ledger.count() < calls+3 {
			return errors.New("not yet")
		}
		return nil
	})
	for _, e := range w.audit(mark) {
		if e.User == chart.Controller && e.Write() && e.Resource != "leases" {
			t.Errorf("reporting did: %s", e)
		}
	}
	w.ledger.forget()
	w.hears("db: InUse Deployment/api")
}

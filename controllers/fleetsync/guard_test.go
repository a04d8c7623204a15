package fleetsync

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
)

func TestThePlanRemovesOnlyWhatItMayRemove(t *testing.T) {
	type result struct{ Created, Written, Removed, Held, Blocked []string }
	tests := []struct {
		name     string
		standing []string // "name" delivered, "-name" already removed
		placed   []string // "name" built as delivered, "+name" changed, "!name" failing, "~name" suspended
		change   func(*view.Snapshot)
		consent  []string
		want     result
	}{
		{name: "nothing changes", standing: []string{"a", "b"}, placed: []string{"a", "b"}},
		{name: "one is new", standing: []string{"a"}, placed: []string{"a", "b"}, want: result{Created: []string{"b"}}},
		{name: "one changes", standing: []string{"a", "b"}, placed: []string{"a", "+b"}, want: result{Written: []string{"b"}}},
		{name: "a failing one is left as it is", standing: []string{"a"}, placed: []string{"!a"}},
		{name: "a failing new one is created to show it", placed: []string{"!a"}, want: result{Created: []string{"a"}}},
		{name: "a suspended one is left as it is", standing: []string{"a"}, placed: []string{"~a"}},
		{name: "a suspended new one is not created", placed: []string{"~a"}},
		{name: "a removed one that is placed again comes back", standing: []string{"-a"}, placed: []string{"a"}, want: result{Written: []string{"a"}}},
		{name: "a removed one that fails to build comes back", standing: []string{"-a"}, placed: []string{"!a"}, want: result{Written: []string{"a"}}},
		{name: "a removed one stays removed", standing: []string{"-a"}},
		{name: "the only one leaves", standing: []string{"a"}, want: result{Removed: []string{"a"}}},
		{name: "one of two leaves", standing: []string{"a", "b"}, placed: []string{"b"}, want: result{Removed: []string{"a"}}},
		{name: "both of two leave", standing: []string{"a", "b"}, want: result{Blocked: []string{"a", "b"}}},
		{name: "half leaves", standing: []string{"a", "b", "c", "d"}, placed: []string{"c", "d"}, want: result{Removed: []string{"a", "b"}}},
		{name: "more than half leaves", standing: []string{"a", "b", "c", "d"}, placed: []string{"+d"}, want: result{Blocked: []string{"a", "b", "c"}, Written: []string{"d"}}},
		{name: "more than half leaves, with consent", standing: []string{"a", "b", "c", "d"}, placed: []string{"d"}, consent: []string{"a", "b", "c"}, want: result{Removed: []string{"a", "b", "c"}}},
		{name: "consent ends for what is placed again", standing: []string{"a", "b"}, placed: []string{"a", "b"},
			consent: []string{"a"}, want: result{Written: []string{"a"}}},
		{name: "consent that leaves one guarded", standing: []string{"a", "b"}, consent: []string{"a"}, want: result{Removed: []string{"a", "b"}}},
		{name: "consent that leaves too many guarded", standing: []string{"a", "b", "c"}, consent: []string{"a"}, want: result{Removed: []string{"a"}, Blocked: []string{"b", "c"}}},
		{name: "already removed ones do not count into the share", standing: []string{"a", "b", "-c", "-d"}, want: result{Blocked: []string{"a", "b"}}},
		{name: "a fleet that allows all", standing: []string{"a", "b", "c"}, change: func(s *view.Snapshot) { s.Fleet.Spec.Prune = &api.FleetPrune{MaxShare: "100%"} }, want: result{Removed: []string{"a", "b", "c"}}},
		{name: "a fleet that allows none still lets one go", standing: []string{"a", "b", "c"}, placed: []string{"b", "c"}, change: func(s *view.Snapshot) { s.Fleet.Spec.Prune = &api.FleetPrune{MaxShare: "0%"} }, want: result{Removed: []string{"a"}}},
		{name: "decommission asks nobody", standing: []string{"a", "b", "c"}, change: func(s *view.Snapshot) { s.Model.Clusters[testCluster].Spec.Decommission = true }, want: result{Removed: []string{"a", "b", "c"}}},
		{name: "a resolution that holds deletes", standing: []string{"a"}, change: func(s *view.Snapshot) { s.Resolution.HoldAllDeletes = true }, want: result{Held: []string{"a"}}},
		{name: "an unreadable cluster set", standing: []string{"a", "b"}, placed: []string{"b"}, change: func(s *view.Snapshot) {
			s.Model.Problems = []model.Problem{{File: "clustersets/x.yaml", Kind: "ClusterSet", Name: "x", Err: errors.New("bad")}}
		}, want: result{Held: []string{"a"}}},
		{name: "another cluster's unreadable file", standing: []string{"a", "b"}, placed: []string{"b"}, change: func(s *view.Snapshot) {
			s.Model.Problems = []model.Problem{{File: "clusters/x.yaml", Kind: "Cluster", Name: "x", Err: errors.New("bad")}}
		}, want: result{Removed: []string{"a"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := planSnapshot(test.placed)
			if test.change != nil {
				test.change(s)
			}
			var standing []v1alpha1.Delivery
			for _, name := range test.standing {
				removed := name[0] == '-'
				if removed {
					name = name[1:]
				}
				standing = append(standing, v1alpha1.Delivery{
					ObjectMeta: metav1.ObjectMeta{Name: name},
					Spec:       v1alpha1.DeliverySpec{Revision: "main@sha1:old", BuildDigest: "sha256:" + name, Removed: removed},
				})
			}
			plan := planDeliveries(s, testCluster, standing, func(d *v1alpha1.Delivery) bool { return slices.Contains(test.consent, d.Name) })
			got := result{Held: plan.held, Blocked: plan.blocked}
			for _, d := range plan.create {
				got.Created = append(got.Created, d.Name)
			}
			for _, w := range plan.update {
				if w.to.Spec.Revision != s.Revision {
					t.Errorf("%q is written with revision %q", w.to.Name, w.to.Spec.Revision)
				}
				if w.to.Spec.Removed {
					got.Removed = append(got.Removed, w.to.Name)
				} else {
					got.Written = append(got.Written, w.to.Name)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func planSnapshot(placed []string) *view.Snapshot {
	s := &view.Snapshot{
		Revision: "main@sha1:new", Fleet: &api.Fleet{},
		Model:      &model.Model{Clusters: map[string]*api.Cluster{testCluster: {}}},
		Resolution: &kustomize.Resolution{Placed: map[string]*kustomize.Placed{}},
	}
	for _, name := range placed {
		p := &kustomize.Placed{Placement: &api.Placement{}, Build: &kustomize.Build{}}
		switch name[0] {
		case '+':
			name = name[1:]
			p.Build.Digest = "sha256:changed"
		case '!':
			name = name[1:]
			p.Build, p.Err = nil, errors.New("does not build")
		case '~':
			name = name[1:]
			p.Placement.Spec.Suspend = true
			p.Build.Digest = "sha256:changed"
		default:
			p.Build.Digest = "sha256:" + name
		}
		s.Resolution.Placed[name] = p
	}
	return s
}

func TestConsentCoversWhatItsRevisionRemoved(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(4)...)
	w.synced()

	t.Log("three of four leaving together wait, and stay while the head moves on")
	w.unplace("app-1", "app-2", "app-3")
	blocked := w.refused(v1alpha1.PruneBlockedReason)
	w.expect(several(4))
	w.commit("write a note", map[string]*string{"README.md": new("note\n")})
	w.refused(v1alpha1.PruneBlockedReason)

	t.Log("consent to another revision opens nothing")
	other := []byte(w.snapshots.Load().Head)
	if last := len(other) - 1; other[last] == '0' {
		other[last] = '1'
	} else {
		other[last] = '0'
	}
	w.annotate(v1alpha1.ConsentAnnotation, "main@sha1:"+string(other))
	w.refused(v1alpha1.PruneBlockedReason)
	w.expect(several(4))

	t.Log("consent to the revision that removed them opens, though the head is another by now")
	w.annotate(v1alpha1.ConsentAnnotation, blocked.Status.Head)
	w.synced()
	w.expect([]string{"app-4"}, "app-1", "app-2", "app-3")

	t.Log("the same annotation does not cover what was placed again afterwards")
	w.place("two", several(4)...)
	w.synced()
	w.expect(several(4))
	w.unplace("app-1", "app-2", "app-3")
	w.refused(v1alpha1.PruneBlockedReason)
	w.expect(several(4))
}

func TestDecommissionRemovesEveryDelivery(t *testing.T) {
	w := newWorld(t)
	w.place("one", several(3)...)
	w.synced()
	w.setCluster(func(s *api.ClusterSpec) { s.Decommission = true })
	w.synced()
	w.expect(nil, several(3)...)
}

package inventory

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

func TestAnIdentitySurvivesItsText(t *testing.T) {
	for _, id := range []ID{
		{Kind: "Namespace", Name: "ns"},
		{Kind: "Secret", Namespace: "ns", Name: "db"},
		{Group: "apps", Kind: "Deployment", Namespace: "ns", Name: "a.b-c"},
		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "system:reader:all"},
	} {
		got, err := Parse(Format(id))
		if err != nil {
			t.Errorf("%v: %v", id, err)
		}
		if diff := cmp.Diff(id, got); diff != "" {
			t.Errorf("%v:\n%s", id, diff)
		}
	}
}

func TestEntriesThatNobodyCouldHaveWrittenAreLeftOut(t *testing.T) {
	inv := Read([]v1alpha1.InventoryEntry{
		{ID: "", Version: "v1"},
		{ID: "just words", Version: "v1"},
		{ID: "ns___", Version: "v1"},
		{ID: "ns_db__Secret"},
		{ID: "ns_db__Secret", Version: "v1", UID: "u"},
	})
	want := Inventory{{Kind: "Secret", Namespace: "ns", Name: "db"}: {ID: "ns_db__Secret", Version: "v1", UID: "u"}}
	if diff := cmp.Diff(want, inv); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAddingKeepsWhatIsKnown(t *testing.T) {
	id := ID{Kind: "Secret", Namespace: "ns", Name: "db"}
	inv := Inventory{id: {Version: "v1", UID: "u", Content: "sha256:c"}}
	inv.Add(id, "v1", "")
	inv.Add(ID{Group: "apps", Kind: "Deployment", Namespace: "ns", Name: "api"}, "v1", "")
	if inv[id].UID != "u" || len(inv) != 2 || inv.Secrets() != 1 {
		t.Errorf("got %v", inv)
	}
	want := []schema.GroupVersionKind{{Version: "v1", Kind: "Secret"}, {Group: "apps", Version: "v1", Kind: "Deployment"}}
	if diff := cmp.Diff(want, inv.Kinds()); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if got := Read(inv.Entries()); len(got) != 2 || got[id].UID != "u" {
		t.Errorf("the status gives back %v", got)
	}
}

func TestTheMACSeesEveryPartAndOnlyOwnedKeys(t *testing.T) {
	key := []byte("a key of the cluster")
	base := func() Live {
		return Live{
			ID: ID{Kind: "Secret", Namespace: "ns", Name: "db"}, UID: "u", Content: "sha256:c", Type: "Opaque",
			Data: map[string][]byte{"a": []byte("1"), "b": []byte("2"), "theirs": []byte("x")}, Owned: []string{"a", "b"},
		}
	}
	want := MAC(key, base())
	for what, change := range map[string]func(*Live){
		"namespace":         func(l *Live) { l.ID.Namespace = "other" },
		"name":              func(l *Live) { l.ID.Name = "other" },
		"a moved border":    func(l *Live) { l.ID.Namespace, l.ID.Name = "nsd", "b" },
		"uid":               func(l *Live) { l.UID = "v" },
		"content":           func(l *Live) { l.Content = "sha256:d" },
		"type":              func(l *Live) { l.Type = "other" },
		"a value":           func(l *Live) { l.Data["a"] = []byte("3") },
		"values swapped":    func(l *Live) { l.Data["a"], l.Data["b"] = l.Data["b"], l.Data["a"] },
		"a key gone":        func(l *Live) { delete(l.Data, "a") },
		"a key emptied":     func(l *Live) { l.Data["a"] = nil },
		"an owned key more": func(l *Live) { l.Owned = append(l.Owned, "theirs") },
	} {
		live := base()
		change(&live)
		if SameMAC(want, MAC(key, live)) {
			t.Errorf("%s changed and the MAC did not", what)
		}
	}
	same := base()
	same.Data["theirs"], same.Owned = []byte("y"), []string{"b", "a"}
	if !SameMAC(want, MAC(key, same)) {
		t.Error("a key of somebody else, or the order, changed the MAC")
	}
	if SameMAC(want, MAC([]byte("another key"), base())) {
		t.Error("the key does not matter")
	}
	if SameMAC("", "") {
		t.Error("an unknown MAC equals another")
	}
}

// TestWhatStandsIsCounted: neither what ran and is gone, nor what an apply met on its way out.
// What Git dropped stands, for as long as something keeps it.
func TestWhatStandsIsCounted(t *testing.T) {
	inv := Inventory{
		{Kind: "ConfigMap", Name: "a"}: {Applied: "sha256:1", UID: "1"},
		{Kind: "ConfigMap", Name: "b"}: {UID: "2"},
		{Kind: "ConfigMap", Name: "d"}: {UID: "4"},
		{Kind: "Job", Name: "c"}:       {Applied: "sha256:1", UID: "3", Run: &v1alpha1.InventoryRun{Gone: true}},
	}
	count, ran, going := inv.Standing(func(id ID) bool { return id.Name != "d" })
	if count != 2 || !slices.Equal(ran, []string{"Job c"}) || !slices.Equal(going, []string{"ConfigMap b"}) {
		t.Errorf("%d stand, ran %q, going %q", count, ran, going)
	}
}

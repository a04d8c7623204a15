package draft_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/desk/rotation"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/sealing"
)

// TestAPasswordBecomesAVariable: a new secret, sealed for the name that kustomize gives it,
// listed where it is built, and given to a pod.
func TestAPasswordBecomesAVariable(t *testing.T) {
	w := newWorld(t)
	d := w.begin(password())
	if d.Sealed() {
		t.Error("a draft has values that nobody gave")
	}
	asking, err := w.Ask(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if job := asking.Jobs[0]; job.Namespace != "app" || job.Name != "shop-db" || len(job.Variables) != 1 ||
		job.Targets[0].Set != "stores" {
		t.Errorf("asked for %+v", job)
	}
	p := w.preview(w.seal(d, map[string]string{"password": "correct horse"}))
	if p.Plan.Blocked() || p.Plan.Summary.ClustersGaining != 2 || p.Plan.Summary.Restarts == 0 {
		t.Errorf("%s\n%+v\n%+v", p.Verdict, p.Plan.Summary, p.Plan.Blockers)
	}
	list := string(p.Files["apps/app/kustomization.yaml"])
	if !strings.Contains(list, "- db.yaml") || !strings.Contains(string(p.Files["apps/app/db.yaml"]), "DB_PASSWORD") {
		t.Errorf("%s\n%s", list, p.Files["apps/app/db.yaml"])
	}
	if !strings.Contains(p.Text, "shop-db") || strings.Contains(p.Text, "correct horse") {
		t.Error(p.Text)
	}
}

// change gives a value anew.
func (w *world) change(file, key string) draft.Draft {
	w.Helper()
	return w.seal(w.begin(draft.Choice{Kind: draft.Change, Placement: "app", File: file, Keys: []string{key}}),
		map[string]string{key: "new"})
}

// bothChange has two people change one secret at once: what each sealed of another value
// stands, and of the same one the second is told. It gives the second's draft of that.
func (w *world) bothChange(file string, merge func(draft.Draft), stub func(draft.Draft) []byte) draft.Draft {
	w.Helper()
	first, other, same := w.change(file, "a"), w.change(file, "b"), w.change(file, "a")
	merge(first)
	next, err := w.Current(w.Context(), other, false)
	if err != nil {
		w.Fatal(err)
	}
	was, _ := api.ParseSealedManifest(file, stub(first))
	is, err := api.ParseSealedManifest(file, stub(next))
	if err != nil || is.Spec.Blocks[0].Payload != was.Spec.Blocks[0].Payload ||
		is.Spec.Blocks[1].Payload != other.Blocks[0].Payload {
		w.Errorf("another value of the same secret: one of both is lost (%v)", err)
	}
	var moved *draft.Moved
	if _, err := w.Current(w.Context(), same, false); !errors.As(err, &moved) || len(moved.Fields) != 1 ||
		moved.Fields[0] != "a" {
		w.Errorf("the same value: %v", err)
	}
	return same
}

// TestASecondOneLosesNothing: two people change one secret at once.
func TestASecondOneLosesNothing(t *testing.T) {
	w := newWorld(t)
	both := draft.Choice{Kind: draft.New, Placement: "app", Name: "db", Shape: draft.File, Keys: []string{"a", "b"}}
	w.merge(w.seal(w.begin(both), map[string]string{"a": "1", "b": "2"}).Files)
	same := w.bothChange("apps/app/db.yaml", func(d draft.Draft) { w.merge(d.Files) },
		func(d draft.Draft) []byte { return d.Files["apps/app/db.yaml"] })
	kept, err := w.Get(same.ID, "ann")
	if err != nil || kept.Blocks[0].Payload != same.Blocks[0].Payload {
		t.Errorf("what was sealed is gone: %v", err)
	}
	if mine, err := w.Current(t.Context(), same, true); err != nil || mine.Base == same.Base {
		t.Errorf("meant all the same: %v", err)
	}
}

// TestTwoWhoChangeAReferenceLoseNothing: another value of it is no matter, the same one is
// told by its name, and what nobody can compare is told as changed.
func TestTwoWhoChangeAReferenceLoseNothing(t *testing.T) {
	w := newWorld(t)
	const file = "apps/app/db.yaml"
	kept := keeping{}
	w.Service = func(context.Context) (stored.Service, error) { return kept, nil }
	c := draft.Choice{Kind: draft.New, Placement: "app", Name: "db", Shape: draft.File, Keys: []string{"a", "b"},
		Stored: true}
	merge := func(d draft.Draft) {
		t.Helper()
		if _, err := api.ParseSealedReference(file, d.Files[file]); err != nil {
			t.Fatal(err)
		}
		if err := w.Put(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		w.merge(d.Files)
	}
	d := w.seal(w.begin(c), map[string]string{"a": "1", "b": "2"})
	if len(kept) != 0 {
		t.Error("a draft is in the store")
	}
	merge(d)
	same := w.bothChange(file, merge, func(d draft.Draft) []byte { return d.Keep[file] })
	if mine, err := w.Current(t.Context(), same, true); err != nil || mine.Base == same.Base {
		t.Errorf("meant all the same: %v", err)
	}
	late := w.change(file, "b")
	merge(w.change(file, "b"))
	clear(kept)
	var moved *draft.Moved
	if _, err := w.Current(t.Context(), late, false); !errors.As(err, &moved) || len(moved.Fields) != 0 {
		t.Errorf("nobody can compare: %v", err)
	}
	if _, err := w.Current(t.Context(), late, true); !errors.As(err, new(*draft.StoreError)) {
		t.Errorf("nobody has the stub: %v", err)
	}
	if away := w.begin(draft.Choice{Kind: draft.Away, Placement: "app", File: file}); away.Files[file] != nil {
		t.Error("it stays")
	}
}

// keeping stands in for the key service's store: what stubs it has.
type keeping map[string][]byte

func (k keeping) GetStub(_ context.Context, digest string) ([]byte, error) {
	if data, ok := k[digest]; ok {
		return data, nil
	}
	return nil, errors.New("there is no such stub")
}

func (k keeping) PutStub(_ context.Context, data []byte) (string, bool, error) {
	k[api.StubDigest(data)] = data
	return api.StubDigest(data), false, nil
}

func TestWhatIsThereChanges(t *testing.T) {
	w := newWorld(t)
	c := draft.Choice{Kind: draft.New, Placement: "app", Name: "db", Shape: draft.Generate, Keys: []string{"token"},
		Recipes: values.Recipes{"token": {Length: 32, Alphabet: "alnum"}}}
	w.merge(w.seal(w.begin(c), nil).Files)
	const file = "apps/app/db.yaml"
	at := func(kind draft.Kind, targets ...sealing.Target) draft.Choice {
		return draft.Choice{Kind: kind, Placement: "app", File: file, Targets: targets}
	}
	rotated := w.seal(w.begin(at(draft.Rotate)), nil)
	if p := w.preview(rotated); p.Plan.Summary.SecretsChanged == 0 || p.Plan.Blocked() {
		t.Errorf("rotate: %s", p.Verdict)
	}
	others := sealing.Target{Kind: sealing.Set, Name: "others"}
	added := w.seal(w.begin(at(draft.Add, others)), map[string]string{"token": "again"})
	w.merge(added.Files)
	if got := string(added.Files[file]); !strings.Contains(got, "set/others") || !strings.Contains(got, "set/stores") {
		t.Error(got)
	}
	removed := w.begin(at(draft.Remove, others))
	if got := string(removed.Files[file]); strings.Contains(got, "set/others") {
		t.Error(got)
	}
	w.merge(removed.Files)
	last := at(draft.Remove, sealing.Target{Kind: sealing.Set, Name: "stores"})
	if _, err := w.Begin(t.Context(), "ann", last); err == nil {
		t.Error("the last lock goes, and nobody could open the value")
	}
	away := w.begin(at(draft.Away))
	if p := w.preview(away); p.Plan.Summary.SecretsLost == 0 || p.Plan.Blocked() ||
		strings.Contains(string(p.Files["apps/app/kustomization.yaml"]), "db.yaml") {
		t.Errorf("away: %s %v", p.Verdict, p.Plan.Blockers)
	}
	if p := w.preview(w.begin(draft.Choice{Kind: draft.Retire, Placement: "app"})); p.Plan.Summary.ObjectsRemoved == 0 {
		t.Errorf("retire: %s", p.Verdict)
	}
}

// TestADraftIsItsOwners, ends, and is bounded.
func TestADraftIsItsOwners(t *testing.T) {
	var s draft.Store
	now := time.Now()
	d, err := s.Put(draft.Draft{Owner: "ann"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(d.ID, "bob", now); !errors.Is(err, draft.ErrGone) {
		t.Errorf("of another person: %v", err)
	}
	if _, err := s.Put(draft.Draft{ID: d.ID, Owner: "bob"}, now); !errors.Is(err, draft.ErrGone) {
		t.Errorf("written by another person: %v", err)
	}
	if _, err := s.Get(d.ID, "ann", now.Add(draft.Life)); !errors.Is(err, draft.ErrGone) {
		t.Errorf("after its time: %v", err)
	}
	large := draft.Draft{Owner: "ann", Files: map[string][]byte{"a": make([]byte, draft.MaxSize+1)}}
	if _, err := s.Put(large, now); err == nil {
		t.Error("a draft of any size is kept")
	}
	mine, err := s.Put(draft.Draft{Owner: "bob"}, now)
	if err != nil {
		t.Fatal(err)
	}
	for range 60 {
		if _, err := s.Put(draft.Draft{Owner: "ann"}, now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Get(mine.ID, "bob", now); err != nil {
		t.Errorf("another one's drafts put it out: %v", err)
	}
}

// TestWhatIsProposedIsWhatWasLookedAt: one commit for as long as the draft is the same, and
// none of an older state of it.
func TestWhatIsProposedIsWhatWasLookedAt(t *testing.T) {
	w := newWorld(t)
	d := w.seal(w.begin(password()), map[string]string{"password": "one"})
	looked := w.preview(d).Commit
	again, err := w.Get(d.ID, "ann")
	if err != nil {
		t.Fatal(err)
	}
	later := func(context.Context, draft.Draft) (string, error) {
		return strings.Repeat("0", len(looked)), nil
	}
	for _, at := range []draft.Draft{d, again} {
		if p, err := w.Preview(t.Context(), at, later, "test"); err != nil || p.Commit != looked {
			t.Errorf("looked at %s, then at another: %v", looked, err)
		}
	}
	other := w.seal(again, map[string]string{"password": "two"})
	if other.Commit != "" {
		t.Error("a commit of other values")
	}
	if _, err := w.Preview(t.Context(), d, w.dangling, "test"); err == nil {
		t.Error("what another tab sealed before is looked at as the draft")
	}
	if _, err := w.Take(t.Context(), d, d.Blocks); err == nil {
		t.Error("what another tab sealed before takes the place of what was sealed since")
	}
	w.merge(map[string][]byte{"apps/app/api.yaml": []byte(strings.ReplaceAll(deployment, "api:1", "api:2"))})
	w.preview(other)
	if other, err = w.Get(d.ID, "ann"); err != nil || other.Commit == "" {
		t.Fatalf("nothing was looked at: %v", err)
	}
	if moved, err := w.Current(t.Context(), other, false); err != nil || moved.Commit != "" {
		t.Errorf("on another base: %s, %v", moved.Commit, err)
	}
}

// TestWhatKubernetesRefusesIsToldByItsField, whatever syntax is in it.
func TestWhatKubernetesRefusesIsToldByItsField(t *testing.T) {
	w := newWorld(t)
	hostile := []string{"<script>alert(1)</script>", "{{.}}", "'; DROP TABLE x; --", "../../etc", "A", "a\nb", ""}
	for _, text := range hostile {
		for field, change := range map[string]func(*draft.Choice){
			"name":     func(c *draft.Choice) { c.Name = text },
			"shape":    func(c *draft.Choice) { c.Shape = draft.Shape("x" + text) },
			"keys":     func(c *draft.Choice) { c.Keys = []string{text + "/"} },
			"variable": func(c *draft.Choice) { c.Deliver[0].Env.Keys["password"] = text + "=" },
			"path": func(c *draft.Choice) {
				c.Deliver[0].Env, c.Deliver[0].Volume = nil, &api.DeliverVolume{MountPath: text}
			},
		} {
			c := password()
			change(&c)
			_, err := w.Begin(t.Context(), "ann", c)
			var told *draft.FieldError
			if !errors.As(err, &told) || told.Field != field {
				t.Errorf("%s %q: %v", field, text, err)
			}
		}
	}
	c := password()
	c.Name = "a"
	if _, err := w.Begin(t.Context(), "ann", c); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a file that is there: %v", err)
	}
}

// TestNothingIsSealedAnewWhileALostClusterOpens what is sealed for its sets.
func TestNothingIsSealedAnewWhileALostClusterOpens(t *testing.T) {
	w := newWorld(t)
	c := draft.Choice{Kind: draft.New, Placement: "app", Name: "db", Shape: draft.Generate, Keys: []string{"token"},
		Recipes: values.Recipes{"token": {Length: 32, Alphabet: "alnum"}}}
	w.merge(w.seal(w.begin(c), nil).Files)
	lost := draft.Choice{Kind: draft.Lost, Many: &draft.Many{Cluster: "one", Title: "Rotate",
		Parts: []rotation.Part{{File: "apps/app/db.yaml", Keys: []string{"token"}}}}}
	if _, err := w.Begin(t.Context(), "ann", lost); err == nil {
		t.Fatal("a cluster that opens them gets new values")
	}
	out := w.begin(draft.Choice{Kind: draft.Suspend, Many: &draft.Many{Cluster: "one", Title: "Suspend"}})
	w.merge(out.Files)
	d := w.seal(w.begin(lost), nil)
	if p := w.preview(d); p.Plan.Blocked() || p.Plan.Summary.SecretsChanged == 0 || p.Title() != "Rotate" {
		t.Errorf("%s: %s", p.Title(), p.Verdict)
	}
	w.merge(map[string][]byte{"clusters/one.yaml": []byte(strings.ReplaceAll(string(out.Files["clusters/one.yaml"]),
		"suspend: true", "suspend: false"))})
	if _, err := w.Current(t.Context(), w.again(d), false); err == nil {
		t.Error("the cluster came back, and the draft goes on")
	}
}

package sealjob_test

import (
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/sealing"
)

// elsewhere seals what was asked for, as a browser does: with nothing but what Asked says.
func (w *world) elsewhere(j *sealjob.Job, a *sealjob.Asked, name string) (blocks []api.Block) {
	w.Helper()
	spec := j.Fleet.Repo.Model.Fleet.Spec
	key, _ := spec.ActiveKey()
	sealer, err := sealing.NewSealer(key, spec.RecoveryRecipients)
	if err != nil {
		w.Fatal(err)
	}
	for i, change := range a.Changes {
		c := sealing.Context{Fleet: spec.ID, Scope: api.ScopeStrict, Kind: "Secret", Namespace: a.Object.Namespace,
			Name: name, Fields: change.Fields}
		texts := map[string]string{}
		for _, field := range change.Fields {
			texts[field] = "aG9yc2U="
		}
		block, err := sealer.Seal(c, texts, a.Targets[i])
		if err != nil {
			w.Fatal(err)
		}
		blocks = append(blocks, block)
	}
	return blocks
}

func (w *world) ask(j *sealjob.Job) *sealjob.Asked {
	w.Helper()
	a, err := j.Ask(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// TestWhatIsSealedElsewhereGivesTheSameFile but for its ciphertext.
func TestWhatIsSealedElsewhereGivesTheSameFile(t *testing.T) {
	w := newWorld(t)
	here, err := w.job(nil).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	j := w.job(func(j *sealjob.Job) { j.What.Values = values.Set{"password": nil} })
	a := w.ask(j)
	there, err := a.Take(w.elsewhere(j, a, "db"))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := public(here.Data), public(there.Data); a != b {
		t.Errorf("sealed here:\n%s\nsealed elsewhere:\n%s", a, b)
	}
	if there.Becomes() != here.Becomes() || there.Key != here.Key {
		t.Errorf("%+v, want %+v", there, here)
	}
}

// public are the lines of a file that no ciphertext is on.
func public(data []byte) string {
	lines := strings.Split(string(data), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "      ") && !strings.Contains(line, ":") && !strings.Contains(line, "/data/") ||
			strings.Contains(line, "ciphertext:")
	}), "\n")
}

// TestOnlyWhatWasAskedForIsTaken: what comes from a browser was looked at by nobody.
func TestOnlyWhatWasAskedForIsTaken(t *testing.T) {
	w := newWorld(t)
	j := w.job(func(j *sealjob.Job) { j.What.Values = values.Set{"password": nil} })
	for want, change := range map[string]func([]api.Block) []api.Block{
		"0 blocks came":       func([]api.Block) []api.Block { return nil },
		"it seals other":      func(b []api.Block) []api.Block { b[0].Fields = []string{"/data/other"}; return b },
		"it has 0 locks":      func(b []api.Block) []api.Block { b[0].Locks = nil; return b },
		"for another target":  func(b []api.Block) []api.Block { b[0].Locks[0].Target = "set/all"; return b },
		"another sealing key": func(b []api.Block) []api.Block { b[0].Locks[0].Key = "k2"; return b },
		"is no ciphertext":    func(b []api.Block) []api.Block { b[0].Locks[0].Ciphertext = "horse!"; return b },
		// A value in base64, as Kubernetes shows it.
		"lock ciphertext has 13 bytes": func(b []api.Block) []api.Block {
			b[0].Locks[0].Ciphertext = "Y29ycmVjdCBob3JzZQ=="
			return b
		},
		"it is no ciphertext": func(b []api.Block) []api.Block { b[0].Payload = "correct horse"; return b },
	} {
		a := w.ask(j)
		_, err := a.Take(change(w.elsewhere(j, a, "db")))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "horse") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	a := w.ask(j)
	_, err := a.Take(w.elsewhere(j, a, "other"))
	if err == nil || !strings.Contains(err.Error(), "sealed for another object than app/db") {
		t.Errorf("of another object: %v", err)
	}
}

// TestABlockThatNoRecoveryKeyOpensIsNotTaken, nor one that another key opens too.
func TestABlockThatNoRecoveryKeyOpensIsNotTaken(t *testing.T) {
	for name, recovery := range map[string]func(fleet []string) []string{
		"as the fleet has it": func(fleet []string) []string { return fleet },
		"none":                func([]string) []string { return nil },
		"one more":            func(fleet []string) []string { return append(slices.Clone(fleet), recipient(t)) },
	} {
		w := newWorld(t).recoverable()
		j := w.job(func(j *sealjob.Job) { j.What.Values = values.Set{"password": nil} })
		a := w.ask(j)
		spec := &j.Fleet.Repo.Model.Fleet.Spec
		fleet := spec.RecoveryRecipients
		spec.RecoveryRecipients = recovery(fleet)
		blocks := w.elsewhere(j, a, "db")
		spec.RecoveryRecipients = fleet
		_, err := a.Take(blocks)
		if own := name == "as the fleet has it"; own != (err == nil) || !own && !strings.Contains(err.Error(), "recovery") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func recipient(t *testing.T) string {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String()
}

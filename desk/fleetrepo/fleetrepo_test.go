package fleetrepo_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/desk/trust"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/sealing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// folder is a fleet's, with a Git folder at its top.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	testfleet.Two().Write(t, dir)
	must(t, os.MkdirAll(filepath.Join(dir, ".git"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, ".git", "HEAD"), []byte("ref: refs/heads/main\n"), 0o600))
	return dir
}

func TestTheRootIsFoundFromBelowAndNotBeyondGit(t *testing.T) {
	dir := folder(t)
	for _, from := range []string{".", "apps", "apps/app"} {
		if root, err := fleetrepo.FindRoot(filepath.Join(dir, from)); err != nil || root != dir {
			t.Errorf("from %s: %s, %v", from, root, err)
		}
	}
	clone := filepath.Join(dir, "apps", "other")
	must(t, os.MkdirAll(filepath.Join(clone, ".git"), 0o700))
	if root, err := fleetrepo.FindRoot(clone); err == nil {
		t.Errorf("a fleet.yaml beside a clone is its own: %s", root)
	}
	must(t, os.Symlink(filepath.Join(dir, "fleet.yaml"), filepath.Join(clone, "fleet.yaml")))
	if root, err := fleetrepo.FindRoot(clone); err == nil {
		t.Errorf("a link is a fleet.yaml: %s", root)
	}
}

func TestAPathStaysInsideAndGoesThroughNoLink(t *testing.T) {
	dir := folder(t)
	repo, err := fleetrepo.Open(filepath.Join(dir, "apps"))
	must(t, err)
	must(t, os.Symlink(filepath.Join(dir, "apps"), filepath.Join(dir, "link")))
	for path, want := range map[string]string{"apps/app/a.yaml": "apps/app/a.yaml", "apps/new/x.yaml": "apps/new/x.yaml",
		".":                  ".",
		"apps/../placements": "placements", "..": "", "../x.yaml": "", "link/app/a.yaml": "",
		"..hidden.yaml": "..hidden.yaml"} {
		got, err := repo.Rel(filepath.Join(dir, path))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
	if got := repo.Abs("apps/app/a.yaml"); got != filepath.Join(dir, "apps/app/a.yaml") {
		t.Error(got)
	}
}

// Findings and hints name files from the root; a person names them from where they are.
func TestAFileIsNamedFromTheFolderOrFromTheRoot(t *testing.T) {
	dir := folder(t)
	t.Chdir(filepath.Join(dir, "apps"))
	repo, err := fleetrepo.Open(".")
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(dir, "apps", "placements"), 0o700))
	for path, want := range map[string]string{
		"app/a.yaml": "apps/app/a.yaml", "apps/app/a.yaml": "apps/app/a.yaml",
		"new.yaml": "apps/new.yaml", "app/new.yaml": "apps/app/new.yaml", "apps/app/new.yaml": "apps/app/new.yaml",
		"placements/new.yaml": "apps/placements/new.yaml", "clusters/new.yaml": "clusters/new.yaml",
		"no/where.yaml": "apps/no/where.yaml", "../apps/app/a.yaml": "apps/app/a.yaml", "../../etc/x.yaml": "",
	} {
		got, err := repo.Rel(path)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
}

func TestGitsFolderIsGits(t *testing.T) {
	dir := folder(t)
	if got := fleetrepo.GitDir(filepath.Join(dir, "apps", "app")); got != filepath.Join(dir, ".git") {
		t.Errorf("from below: %q", got)
	}
	linked := filepath.Join(dir, "linked")
	must(t, os.MkdirAll(linked, 0o700))
	for text, want := range map[string]string{"gitdir: ../.git\n": filepath.Join(dir, ".git"),
		"gitdir: " + dir + "/.git": filepath.Join(dir, ".git"),
		"gitdir: ../apps\n":        "", "gitdir: /nowhere\n": "", "something else\n": ""} {
		must(t, os.WriteFile(filepath.Join(linked, ".git"), []byte(text), 0o600))
		if got := fleetrepo.GitDir(linked); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// world is a signed fleet, its root key and a person's pins.
func world(t *testing.T) (*api.Fleet, *testfleet.Root, *trust.Store) {
	t.Helper()
	root := testfleet.NewRoot(t)
	fleet := &api.Fleet{Metadata: api.Metadata{Name: "acme"}, Spec: root.Spec(2)}
	root.Sign(t, &fleet.Spec)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	store, err := trust.Open()
	must(t, err)
	return fleet, root, store
}

// refused: whoever may push must not get a value sealed to a key of their own.
func refused(t *testing.T, what string, err, want error) {
	t.Helper()
	if err == nil || want != nil && !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

func TestAFleetIsVerifiedUnderThePinnedKey(t *testing.T) {
	fleet, root, store := world(t)
	key := root.Key
	_, err := fleetrepo.VerifyFleet(store, fleet, "")
	refused(t, "nothing is pinned", err, nil)
	if known, err := fleetrepo.VerifyFleet(store, fleet, key); err != nil || known.Serial != 2 {
		t.Errorf("a key that was given: %+v, %v", known, err)
	}
	must(t, store.Add(trust.Pin{Fleet: fleet.Spec.ID, RootKey: key}, false))
	known, err := fleetrepo.VerifyFleet(store, fleet, "")
	must(t, err)
	must(t, store.Remember(fleet.Spec.ID, known))

	stranger := testfleet.NewRoot(t)
	_, err = fleetrepo.VerifyFleet(store, fleet, stranger.Key)
	refused(t, "another key than the pinned one", err, nil)

	old := *fleet
	old.Spec.Serial = 1
	root.Sign(t, &old.Spec)
	_, err = fleetrepo.VerifyFleet(store, &old, "")
	refused(t, "an older file", err, sealing.ErrRolledBack)

	forged := *fleet
	stranger.Sign(t, &forged.Spec)
	_, err = fleetrepo.VerifyFleet(store, &forged, "")
	refused(t, "a stranger's signature", err, sealing.ErrSignature)

	must(t, os.Chmod(store.Path(), 0o666))
	_, err = fleetrepo.VerifyFleet(store, fleet, "")
	refused(t, "pins that others write to", err, trust.ErrWritable)
}

func TestWhatIsNoKeyIsAMistakeOfUse(t *testing.T) {
	fleet, _, store := world(t)
	_, err := fleetrepo.VerifyFleet(store, fleet, "not a key")
	if err == nil || errors.Is(err, sealing.ErrSignature) {
		t.Errorf("error %v: nobody forged anything", err)
	}
}

package trust_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/desk/trust"
	"github.com/bulla-dev/bulla/sealing"
)

func open(t *testing.T) *trust.Store {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	store, err := trust.Open()
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPinIsKeptUntilItIsForgotten(t *testing.T) {
	store := open(t)
	if pins, err := store.List(); err != nil || len(pins) > 0 {
		t.Fatalf("a new store has %v, %v", pins, err)
	}
	b, a := trust.Pin{Fleet: "b", Name: "two", RootKey: "k2"}, trust.Pin{Fleet: "a", RootKey: "k1"}
	must(t, store.Add(b, false))
	must(t, store.Add(a, false))
	pins, err := store.List()
	if diff := cmp.Diff([]trust.Pin{a, b}, pins); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if got, ok, err := store.Lookup("b"); err != nil || !ok || got != b {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	for _, want := range []bool{true, false} {
		if was, err := store.Remove("a"); err != nil || was != want {
			t.Errorf("forgotten: %v, %v, want %v", was, err, want)
		}
	}
	if _, ok, err := store.Lookup("a"); err != nil || ok {
		t.Errorf("a fleet that was forgotten: %v, %v", ok, err)
	}
}

func TestAnotherKeyForAFleetIsAConflict(t *testing.T) {
	store := open(t)
	first := trust.Pin{Fleet: "a", RootKey: "k1"}
	must(t, store.Add(first, false))
	must(t, store.Remember("a", sealing.Known{Serial: 7}))
	var conflict *trust.ConflictError
	if err := store.Add(
		trust.Pin{Fleet: "a", RootKey: "k2"},
		false,
	); !errors.As(err, &conflict) ||
		conflict.Pinned.RootKey != "k1" {
		t.Fatalf("error %v", err)
	}
	must(t, store.Add(trust.Pin{Fleet: "a", RootKey: "k2"}, true))
	pin, _, err := store.Lookup("a")
	if err != nil || pin.RootKey != "k2" || pin.Newest().Serial != 7 {
		t.Errorf("%+v, %v: what was known stays, or an old fleet.yaml is new again", pin, err)
	}
}

func TestOnlyAPinnedFleetIsRemembered(t *testing.T) {
	store := open(t)
	must(t, store.Remember("a", sealing.Known{Serial: 1}))
	if _, err := os.Stat(store.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written: %v", err)
	}
	if newest := (trust.Pin{}).Newest(); newest != (sealing.Known{}) {
		t.Errorf("a new pin knows %+v", newest)
	}
}

func TestAStoreThatOthersWriteToPinsNothing(t *testing.T) {
	store := open(t)
	must(t, store.Add(trust.Pin{Fleet: "a", RootKey: "k1"}, false))
	for mode, want := range map[os.FileMode]error{0o620: trust.ErrWritable, 0o602: trust.ErrWritable, 0o644: nil,
		0o600: nil} {
		must(t, os.Chmod(store.Path(), mode))
		if _, _, err := store.Lookup("a"); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("mode %o: error %v, want %v", mode, err, want)
		}
	}
}

func TestAFileOfPinsIsReadStrictly(t *testing.T) {
	store := open(t)
	must(t, os.MkdirAll(filepath.Dir(store.Path()), 0o700))
	for _, text := range []string{"pins: [{fleet: a, rootKey: k, root: x}]\n",
		"pins: []\npins: [{fleet: a, rootKey: k}]\n", "- a\n", "pins: {\n"} {
		must(t, os.WriteFile(store.Path(), []byte(text), 0o600))
		if pins, err := store.List(); err == nil {
			t.Errorf("%q is %v", text, pins)
		}
	}
}

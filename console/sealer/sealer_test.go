package sealer_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/sealing"
)

// These run without a browser, so that a guard that is taken out is missed: what a
// browser runs is built apart.

func given(t *testing.T, root *testfleet.Root, serial int64) any {
	t.Helper()
	spec := root.Spec(serial)
	root.Sign(t, &spec)
	return parsed(t, api.Fleet{TypeMeta: api.TypeMeta{APIVersion: api.APIVersion, Kind: api.KindFleet},
		Metadata: api.Metadata{Name: "acme"}, Spec: spec})
}

func told(t *testing.T, err error, want string) {
	t.Helper()
	var e *sealer.Error
	if !errors.As(err, &e) || !strings.Contains(e.Problem, want) || e.Hint == "" {
		t.Errorf("got %v, want %q with a hint", err, want)
	}
}

// TestABrowserKeepsItsRootKey: the key comes from the server, which could give its own.
func TestABrowserKeepsItsRootKey(t *testing.T) {
	root, other := testfleet.NewRoot(t), testfleet.NewRoot(t)
	first, err := sealer.Open(given(t, root, 2), root.Key, sealing.Known{}, false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sealer.Open(given(t, root, 1), root.Key, first.Known, false)
	told(t, err, "rolled back")
	_, err = sealer.Open(given(t, other, 3), root.Key, first.Known, false)
	told(t, err, "does not verify")
	_, err = sealer.Open(given(t, other, 3), other.Key, first.Known, false)
	told(t, err, "another than this browser knows")
	if _, err = sealer.Open(given(t, other, 3), other.Key, first.Known, true); err != nil {
		t.Errorf("compared by a person: %v", err)
	}
	_, err = sealer.Open("<html>", root.Key, sealing.Known{}, false)
	told(t, err, "cannot be read")
	_, err = sealer.Open(given(t, root, 2), "acme", sealing.Known{}, false)
	told(t, err, "read the root key")
}

// TestValuesAreWipedWhateverComesOfThem: a page keeps no copy here.
func TestValuesAreWipedWhateverComesOfThem(t *testing.T) {
	root := testfleet.NewRoot(t)
	fleet, err := sealer.Open(given(t, root, 1), root.Key, sealing.Known{}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, shape, key string
		refused          bool
	}{
		{"db", "", "password", false},
		{"Db", "", "password", true},
		{"db", "env", sealer.EnvText, false},
		{"db", "registry", sealer.Username, true}, // by its shape, before there are values of it
	} {
		secret := []byte("password=correct horse")
		job := newJob([]string{"password"})
		job.Name, job.Shape = c.name, c.shape
		if _, err := fleet.Seal(job, map[string][]byte{c.key: secret}); (err != nil) != c.refused {
			t.Errorf("%+v: %v", c, err)
		}
		if len(bytes.Trim(secret, "\x00")) > 0 {
			t.Errorf("%+v: %q is left", c, secret)
		}
	}
}

// TestAJobIsHeldToWhatKubernetesTakes: before anything is sealed.
func TestAJobIsHeldToWhatKubernetesTakes(t *testing.T) {
	root := testfleet.NewRoot(t)
	fleet, err := sealer.Open(given(t, root, 1), root.Key, sealing.Known{}, false)
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*sealer.Job, map[string][]byte){
		"is no name of a Secret":    func(j *sealer.Job, _ map[string][]byte) { j.Name = "a/b" },
		"is no name of a namespace": func(j *sealer.Job, _ map[string][]byte) { j.Namespace = "" },
		"bytes together":            func(_ *sealer.Job, v map[string][]byte) { v["password"] = make([]byte, 1<<20+1) },
		"is empty":                  func(_ *sealer.Job, v map[string][]byte) { v["password"] = nil },
		"a key is none":             func(j *sealer.Job, _ map[string][]byte) { j.Blocks[0][0] = "correct horse" },
		"2 values for 1 keys":       func(_ *sealer.Job, v map[string][]byte) { v["other"] = []byte("x") },
	} {
		job, values := newJob([]string{"password"}), map[string][]byte{"password": []byte("x")}
		change(&job, values)
		_, err := fleet.Seal(job, values)
		told(t, err, want)
		if want == "is empty" && err != nil && !strings.Contains(err.Error(), "bulla set --allow-empty") {
			t.Errorf("%v: no page takes one that is meant, so the hint says what does", err)
		}
		if err != nil && strings.Contains(err.Error(), "correct horse") {
			t.Errorf("%v: shows what may be a value", err)
		}
	}
	job := newJob([]string{"password"})
	job.AllowEmpty = true
	if _, err := fleet.Seal(job, map[string][]byte{"password": {}}); err != nil {
		t.Errorf("empty, and meant: %v", err)
	}
}

package sealcmd

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/sealing"
)

// job is what the flags of a command line ask for, in a new fleet.
func job(t *testing.T, args ...string) (*sealjob.Job, error) {
	t.Helper()
	w, _, err := workOf(t, args...)
	if err != nil {
		return nil, err
	}
	return w.Job, nil
}

// workOf is the job with where its files go, and the shell that it is of.
func workOf(t *testing.T, args ...string) (*work, *shell.Shell, error) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root := testfleet.NewRoot(t)
	testfleet.Two().With(testfleet.Files{
		"fleet.yaml": root.Fleet(t, 1), "apps/app/old.yaml": testfleet.Stub("old"),
		"apps/app/clear.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: clear}\nstringData: " +
			"{password: horse}\n",
		"apps/app/kustomization.yaml": "kind: Kustomization\nresources:\n- a.yaml\n",
	}).Write(t, dir)
	t.Chdir(dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, ".config"))
	s := &shell.Shell{
		Stdin: strings.NewReader("horse"), Stdout: io.Discard, Stderr: io.Discard, Screen: io.Discard,
		Repo: dir, RootKey: root.Key,
	}
	cmd := New(s)
	var o options
	cmd.ResetFlags()
	o.what.flags(cmd.Flags())
	o.whom.flags(cmd.Flags())
	o.object.flags(cmd.Flags())
	o.flags(cmd.Flags())
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	w, err := o.job(t.Context(), s, strings.Join(cmd.Flags().Args(), ""))
	return w, s, err
}

// TestFlagsBecomeOneJob by what, for whom, where and how.
func TestFlagsBecomeOneJob(t *testing.T) {
	j, err := job(t, "--for", "app", "--name", "db", "--from-file", "password=-", "--from-literal", "user=app",
		"--set", "stores", "--two-lock", "--cluster", "one", "--together", "--sealing-key", "k", "--scope", "namespace")
	if err != nil {
		t.Fatal(err)
	}
	if string(j.What.Values["password"]) != "horse" || string(j.What.Values["user"]) != "app" {
		t.Errorf("what: %d values", len(j.What.Values))
	}
	whom := sealjob.Whom{Placement: "app", TwoLock: true, Targets: []sealing.Target{
		{Kind: sealing.Set, Name: "stores"}, {Kind: sealing.Cluster, Name: "one"},
	}}
	if diff := cmp.Diff(whom, j.Whom); diff != "" {
		t.Errorf("whom: %s", diff)
	}
	if diff := cmp.Diff(sealjob.How{Together: true, Key: "k"}, j.How); diff != "" {
		t.Errorf("how: %s", diff)
	}
	stub := j.Where.Stub
	if j.Where.File != "apps/app/db.yaml" || j.Where.Old != nil || j.Where.Text != nil || stub.Metadata.Name != "db" ||
		stub.Metadata.Namespace != "app" || stub.Spec.Scope != api.ScopeNamespace {
		t.Errorf("where: %s, %+v", j.Where.File, stub)
	}
}

func TestAFileThatIsThereIsEditedOrReplaced(t *testing.T) {
	j, err := job(t, "apps/app/old.yaml", "--rename", "password=secret", "--from-literal", "secret=x", "--remove", "user")
	if err != nil {
		t.Fatal(err)
	}
	if string(j.Where.Text) != testfleet.Stub("old") || !cmp.Equal(j.What.Without, []string{"user", "password"}) ||
		j.What.Renamed["password"] != "secret" {
		t.Errorf("edited: %+v", j.What.Without)
	}
	j, err = job(t, "--replace", "apps/app/clear.yaml", "--for", "app")
	if err != nil {
		t.Fatal(err)
	}
	listed := string(j.Where.Also["apps/app/kustomization.yaml"])
	if j.Where.Text != nil || j.Where.Old == nil || !strings.Contains(listed, "clear.yaml") ||
		string(j.What.Values["password"]) != "horse" {
		t.Errorf("replaced: the kustomization is to be %q", listed)
	}
}

// TestAKustomizationThatSomebodyEditedMeanwhileIsLeft: between reading it and writing it a
// person may be asked for the value.
func TestAKustomizationThatSomebodyEditedMeanwhileIsLeft(t *testing.T) {
	const file, edited = "apps/app/kustomization.yaml", "resources: [mine.yaml]\n"
	w, s, err := workOf(t, "--for", "app", "--name", "db", "--from-literal", "a=b")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.list(s); !strings.Contains(fault.Hint(err), "list db.yaml under resources there yourself") {
		t.Errorf("it was written: %v", err)
	}
	if now, err := os.ReadFile(file); err != nil || string(now) != edited {
		t.Errorf("it is %q, %v", now, err)
	}
}

func TestWhatIsNoJobIsRefusedWithAHint(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, args := range map[string][]string{
		"nothing to seal":       {"apps/app/new.yaml"},
		"a value as the path":   {"password=horse"},
		"no path":               {"--from-literal", "a=horse"},
		"a placement not there": {"--for", "none", "--name", "db", "--from-literal", "a=horse"},
		"no yaml":               {"apps/app/new.txt", "--from-literal", "a=horse"},
		"among the grants":      {"placements/new.yaml", "--from-literal", "a=horse"},
		"outside":               {"../new.yaml", "--from-literal", "a=horse"},
		"too long a name":       {"apps/app/" + long + ".yaml", "--from-literal", "a=horse"},
		"no name":               {"apps/app/New_Name.yaml", "--from-literal", "a=horse"},
		"another name":          {"apps/app/old.yaml", "--name", "new", "--from-literal", "a=horse"},
		"another scope":         {"apps/app/old.yaml", "--scope", "fleet", "--from-literal", "a=horse"},
		"no scope":              {"apps/app/old.yaml", "--scope", "wide", "--from-literal", "a=horse"},
		"no stub":               {"apps/app/a.yaml", "--from-literal", "a=horse"},
		"given and taken away":  {"apps/app/old.yaml", "--remove", "a", "--from-literal", "a=horse"},
		"renamed without value": {"apps/app/old.yaml", "--rename", "password=b"},
		"replaced, of nothing":  {"--replace", "--for", "app"},
	} {
		_, err := job(t, args...)
		var said strings.Builder
		fault.Print(&said, err)
		if text := said.String(); !strings.Contains(text, "\nhint: ") || strings.Contains(text, "horse") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if _, err := os.Stat("apps/app/new.yaml"); err == nil {
		t.Error("a file was written")
	}
}

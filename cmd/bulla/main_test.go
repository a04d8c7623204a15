package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// transcript names a file that gets a copy of everything the commands print.
const transcript = "BULLA_TEST_TRANSCRIPT"

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	hsm.MaybeRunWorker()
	testscript.Main(m, map[string]func(){"bulla": recorded, "kubectl-bulla": recorded, "flux-bulla": recorded,
		"browser": browser, "visit": visit, "shows": shows, "taken": taken, "change": change})
}

// recorded is main with a copy of its output kept for the canary sweep.
func recorded() {
	kustomize.MaybeRunBuildWorker()
	f, err := os.OpenFile(os.Getenv(transcript), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	stdout := io.MultiWriter(os.Stdout, f)
	if slices.Contains(os.Args, "open") || slices.Contains(os.Args, "export") && slices.Contains(os.Args, "-") {
		stdout = os.Stdout // what this command is for; its errors are swept all the same
	}
	var said bytes.Buffer
	code := run(os.Args, os.Stdin, stdout, io.MultiWriter(os.Stderr, f, &said))
	f.Close()
	if text := said.String(); strings.Contains(text, "error: ") && !strings.Contains(text, "hint: ") {
		unhinted(strings.Join(os.Args, " ") + "\n" + text)
	}
	os.Exit(int(code))
}

// unhinted keeps an error that says nothing of what to do: no command has one.
func unhinted(text string) {
	f, err := os.OpenFile(os.Getenv(transcript)+".unhinted", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		panic(err)
	}
}

// TestScripts runs testdata/*.txtar. Each script is one feature, written as a
// user would use it; the commands that a user does not have make what belongs
// to other parts (the HSM, the clusters) and open what was sealed.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup:               setUp(t, stockAge(t), &controlPlane{t: t}),
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fleet": cmdFleet, "resign": cmdResign, "keys": cmdKeys, "cluster": cmdCluster,
			"secret": cmdSecret, "fill": cmdFill, "opens": cmdOpens, "recovers": cmdRecovers, "blocks": cmdBlocks,
			"losehsm": cmdLoseHSM, "content": cmdContent, "recipient": cmdRecipient,
			"exitcode": cmdExitCode, "kube": cmdKube, "fleetsync": cmdFleetSync, "nofleetsync": cmdNoFleetSync,
			"certify": cmdCertify, "tlspair": cmdTLSPair, "admin": cmdAdmin,
			"kubeput": cmdKubePut, "chartrights": cmdChartRights, "eventually": cmdEventually, "controller": cmdController,
			"service": cmdService, "publish": cmdPublish, "rotate": cmdRotate, "issue": cmdIssue,
			"kubeseal": cmdKubeseal, "live": cmdLive, "sopsprogram": cmdSOPS, "pgpkey": cmdPGPKey,
			"auditlog": cmdAuditLog, "rewrite": cmdRewrite, "forge": cmdForge, "commented": cmdCommented,
			"untold": cmdUntold, "job": cmdJob, "provider": cmdProvider, "groups": cmdGroups,
			"entercode": cmdEnterCode,
		},
	})
}

// setUp gives each script a home of its own and, at its end, sweeps all that
// the product wrote for the secrets that the script sealed.
func setUp(t *testing.T, age string, control *controlPlane) func(*testscript.Env) error {
	return func(env *testscript.Env) error {
		env.Setenv("PATH", age+string(os.PathListSeparator)+env.Getenv("PATH"))
		record := filepath.Join(env.WorkDir, ".transcript")
		config := filepath.Join(env.WorkDir, ".config")
		env.Setenv(transcript, record)
		env.Setenv("XDG_CONFIG_HOME", config)
		env.Setenv("HOME", env.WorkDir)
		env.Setenv("GORACE", os.Getenv("GORACE")) // how long a program waits at its end
		hooks, err := filepath.Abs("../../docs/hooks")
		if err != nil {
			return err
		}
		env.Setenv("HOOKS", hooks)
		w := &world{t: t, identities: identities{}, roots: map[string]*testfleet.Root{}, control: control}
		env.Values[worldKey{}] = w
		env.Defer(func() {
			if text, err := os.ReadFile(record + ".unhinted"); err == nil {
				t.Errorf("an error has no hint:\n%s", text)
			}
			if len(w.secrets) == 0 {
				return
			}
			places := []canary.Place{canary.Path(record)}
			for _, folder := range []string{config, filepath.Join(env.WorkDir, "acme")} {
				if _, err := os.Stat(folder); err == nil {
					places = append(places, canary.Path(folder))
				}
			}
			canary.Check(t, w.secrets, places...)
		})
		return nil
	}
}

// stockAge builds age and age-keygen, as their users have them, and returns
// their folder.
func stockAge(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", folder,
		"filippo.io/age/cmd/age", "filippo.io/age/cmd/age-keygen")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build age: %v\n%s", err, out)
	}
	return folder
}

// condition [unshare]: the machine lets a user make a network namespace.
func condition(name string) (bool, error) {
	if name != "unshare" {
		return false, fmt.Errorf("unknown condition %s", name)
	}
	return exec.Command("unshare", "--user", "--map-root-user", "--net", "true").Run() == nil, nil
}

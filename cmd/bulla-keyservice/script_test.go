package main

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/fixtures/child"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/postgres"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

func TestMain(m *testing.M) {
	kustomize.MaybeRunBuildWorker()
	hsm.MaybeRunWorker()
	testscript.Main(m, map[string]func(){"bulla-keyservice": func() { os.Exit(run()) }})
}

// operations is the page of who starts the service.
var operations = mustAbs("../../docs/operations/key-service.md")

func mustAbs(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return absolute
}

// script has the real things that one talks to.
type script struct {
	token *token.Token
	git   *gitserver.Server
	repo  *gitserver.Repo
	key   *ecdsa.PrivateKey // of a person
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"push": push, "rewrite": rewrite, "says": says, "calls": calls, "ready": ready, "configure": configure,
			"least": least, "keystatus": keyStatus, "stub": stubFile, "head": headAccepted,
			"person": person, "asks": asks, "hangup": hangup, "append": appendLine, "setfrom": setFrom, "fault": spoilToken,
			"postgres": startPostgres,
		},
	})
}

// setup gives a script a token, a Git remote and free ports.
func setup(env *testscript.Env) error {
	p := &script{}
	var err error
	dir := filepath.Join(env.WorkDir, ".parts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if p.token, err = token.New(dir); err != nil {
		return err
	}
	if p.git, err = gitserver.Start(filepath.Join(dir, "git")); err != nil {
		return err
	}
	env.Defer(func() { p.git.Close() })
	if p.repo, err = p.git.NewRepo("fleet"); err != nil {
		return err
	}
	env.Vars = append(env.Vars, p.token.Env...)
	env.Setenv("GORACE", os.Getenv("GORACE")) // how long a program waits at its end
	env.Setenv("MODULE", p.token.Module)
	env.Setenv("LABEL", p.token.Label)
	env.Setenv("ROOTLABEL", p.token.Root.Label)
	for _, name := range []string{"LISTEN", "HEALTH"} {
		address, err := child.FreeAddress()
		if err != nil {
			return err
		}
		env.Setenv(name, address)
	}
	env.Values["parts"] = p
	recovery, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	env.Setenv("RECOVERY", recovery.Recipient().String())
	for name, text := range map[string]string{
		"pin": p.token.PIN + "\n", "root-pin": p.token.Root.PIN + "\n",
		"wrong-pin": "0000", "git-password": p.repo.Password, "git-user": p.repo.Username,
	} {
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func scriptOf(ts *testscript.TestScript) *script { return ts.Value("parts").(*script) }

// startPostgres FILE starts a PostgreSQL server that stops with the script, and
// writes the URL of an empty database.
func startPostgres(ts *testscript.TestScript, _ bool, args []string) {
	server, err := postgres.Start(context.Background())
	ts.Check(err)
	ts.Defer(func() { ts.Check(server.Stop()) })
	database, err := server.NewDatabase(context.Background())
	ts.Check(err)
	ts.Setenv("DATABASE_PASSWORD", server.Password)
	ts.Setenv("DATABASE_URL", server.URL(database))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(server.URL(database)+"\n"), 0o600))
}

// push FILE [PATH] commits a file to the fleet repository.
func push(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	_, err := scriptOf(ts).repo.Commit("change the fleet", map[string]*string{args[len(args)-1]: &text})
	ts.Check(err)
}

// fault FUNCTION CKR makes every call of a PKCS#11 function fail.
func spoilToken(ts *testscript.TestScript, _ bool, args []string) {
	ckr, err := strconv.ParseUint(args[1], 0, 32)
	ts.Check(err)
	ts.Check(scriptOf(ts).token.Fault(args[0], uint(ckr), 1, 0))
}

// setfrom NAME FILE sets a variable to what stands in a file.
func setFrom(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// calls FUNCTION N fails unless the token was asked exactly N times.
func calls(ts *testscript.TestScript, _ bool, args []string) {
	counts, err := scriptOf(ts).token.Calls()
	ts.Check(err)
	want, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	if counts[args[0]] != want {
		ts.Fatalf("%s was called %d times, want %d", args[0], counts[args[0]], want)
	}
}

// ready waits until the service is ready, or with "!" fails at once if it is.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(wait.Poll(context.Background(), func(context.Context) error {
		r, err := http.Get("http://" + ts.Getenv("HEALTH") + "/readyz")
		if err != nil {
			return err
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return fmt.Errorf("the service is not ready: %s", r.Status)
		}
		return nil
	}))
}

// keystatus CONFIG KEY STATUS waits until the service's accepted head says so.
func keyStatus(ts *testscript.TestScript, _ bool, args []string) {
	config, err := config.Load(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(wait.Poll(context.Background(), func(ctx context.Context) error {
		status, err := acceptedStatus(ctx, config)
		if err != nil {
			return wait.Final{Err: err}
		}
		if string(status[args[1]]) != args[2] {
			return fmt.Errorf("key %s is %q, want %s", args[1], status[args[1]], args[2])
		}
		return nil
	}))
}

// head CONFIG waits until the service accepted what was pushed last.
func headAccepted(ts *testscript.TestScript, _ bool, args []string) {
	config, err := config.Load(ts.MkAbs(args[0]))
	ts.Check(err)
	rows, err := parts.OpenRows(context.Background(), config)
	ts.Check(err)
	defer rows.Close()
	want, err := scriptOf(ts).repo.Head()
	ts.Check(err)
	ts.Check(wait.Poll(context.Background(), func(ctx context.Context) error {
		last, err := rows.LastHead(ctx, config.Fleet, config.Repository.Ref)
		if err != nil {
			return wait.Final{Err: err}
		}
		if last.Hash != want {
			return fmt.Errorf("the service accepts %q, not %s", last.Hash, want)
		}
		return nil
	}))
}

// stub FLEET KEY FILE seals a value under a key of a fleet.yaml.
func stubFile(ts *testscript.TestScript, _ bool, args []string) {
	fleet, err := api.ParseFleet(args[0], []byte(ts.ReadFile(args[0])))
	ts.Check(err)
	key, _ := fleet.Spec.Key(args[1])
	data, err := testfleet.Sealer{Fleet: fleet.Spec.ID, Key: key}.File(testfleet.Secret{
		Namespace: "shop", Name: "db", Targets: []string{"set/all"}, Values: map[string]string{"key": "v"},
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), data, 0o600))
}

// configure FILE FLEET-OUTPUT writes keyservice.yaml from what init printed.
func configure(ts *testscript.TestScript, _ bool, args []string) {
	p := scriptOf(ts)
	text := strings.TrimSpace(ts.ReadFile(args[1])) + fmt.Sprintf(`
repository: {url: %q, ref: main, usernameFile: git-user, passwordFile: git-password, interval: 1s}
token: {module: %q, label: %q, pinFile: pin, sessions: 2}
listen: %q
serverNames: [127.0.0.1]
health: %q
dataDir: data
`, p.repo.URL(), p.token.Module, p.token.Label, ts.Getenv("LISTEN"), ts.Getenv("HEALTH"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// least FILE [MADE] writes the least configuration that operations/key-service.md shows: as
// it stands there, or with what init printed and what is of this machine.
func least(ts *testscript.TestScript, _ bool, args []string) {
	page, err := os.ReadFile(operations)
	ts.Check(err)
	_, text, _ := strings.Cut(string(page), "```yaml\n# keyservice.yaml, the least.")
	text, _, ok := strings.Cut(text, "```")
	if !ok {
		ts.Fatalf("%s shows no least configuration", operations)
	}
	if text = "#" + text; len(args) > 1 {
		text = setValues(ts, text, ts.ReadFile(args[1]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func setValues(ts *testscript.TestScript, text, made string) string {
	p := scriptOf(ts)
	for _, line := range strings.Split(strings.TrimSpace(made), "\n") {
		if name, value, _ := strings.Cut(line, ": "); name == "fleet" || name == "rootKey" {
			text = setValue(text, name, value)
		}
	}
	text = strings.ReplaceAll(text, "  # passwordFile: git-password",
		"  usernameFile: git-user\n  passwordFile: git-password")
	for name, value := range map[string]string{
		"  url": p.repo.URL(), "  module": p.token.Module, "  label": p.token.Label,
		"listen": ts.Getenv("LISTEN"), "serverNames": "[127.0.0.1]", "health": ts.Getenv("HEALTH"),
	} {
		text = setValue(text, name, value)
	}
	return text
}

func setValue(text, name, value string) string {
	return regexp.MustCompile(`(?m)^`+name+`: \S+`).ReplaceAllLiteralString(text, name+": "+value)
}

// rewrite commits a file in a history of its own, and sets HASH to its head.
func rewrite(ts *testscript.TestScript, _ bool, args []string) {
	repo := scriptOf(ts).repo
	text := ts.ReadFile(args[0])
	_, err := repo.Commit("change the fleet", map[string]*string{args[len(args)-1]: &text})
	ts.Check(err)
	hash, err := repo.Rewrite("start over")
	ts.Check(err)
	ts.Setenv("HASH", hash)
}

// says waits until readiness has a line that matches.
func says(ts *testscript.TestScript, _ bool, args []string) {
	expression, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ts.Check(wait.Poll(context.Background(), func(context.Context) error {
		r, err := http.Get("http://" + ts.Getenv("HEALTH") + "/readyz")
		if err != nil {
			return err
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err == nil && !expression.Match(text) {
			err = fmt.Errorf("readiness does not say %s:\n%s", args[0], text)
		}
		return err
	}))
}

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/child"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/token"
)

// TestTheReadmesWholePathWorksAsPrinted runs every command of README.md, "Your own
// clusters", in order. What a reader must put in is put in, and nothing else.
func TestTheReadmesWholePathWorksAsPrinted(t *testing.T) {
	r := newReader(t)
	for _, command := range readmeCommands(t) {
		switch {
		case strings.HasPrefix(command, "bulla status"):
			// It needs a login, as its comment says: that is a chapter of its own.
			r.refused(command, "bulla login")
			continue
		case strings.Contains(command, " get fleetsyncs,deliveries"):
			eventually(t, "FleetSync and Delivery are ready", func() error { return r.ready(command) })
			continue
		}
		out, said := r.run(command)
		switch {
		case strings.HasPrefix(command, "age-keygen"):
			r.learn("age1pq1…", regexp.MustCompile(`age1pq1\w+`).FindString(said))
		case strings.HasPrefix(command, "bulla-keyservice init"):
			r.learn("acme+1f2e…", printed(out, "rootKey: "))
			r.learn("6f1c…", r.fleetID())
		case strings.HasPrefix(command, "bulla-keyservice token create"):
			r.learn("bulla1_…", strings.TrimSpace(out))
		case strings.HasPrefix(command, "helm install"):
			// The nodes are simulated and run no image: the controller is a process
			// with the account that the chart made.
			r.startController()
		}
	}
	live := &corev1.Secret{}
	if err := r.client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "shop-db"}, live); err != nil || string(live.Data["password"]) != r.password.Value() {
		t.Errorf("the Secret is not what was typed in, byte for byte: %v", err)
	}
	r.stopController()
	r.nothingForbidden()
}

// readmeCommands are the commands of the steps, each with its here document.
func readmeCommands(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, steps, _ := strings.Cut(string(data), "\n## Your own clusters\n")
	steps, _, _ = strings.Cut(steps, "\n## ")
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(steps, -1) {
		commands = append(commands, strings.Split("\n"+block[1], "\n$ ")[1:]...)
	}
	const least = 20
	if len(commands) < least {
		t.Fatalf("README.md has %d commands in its steps, want at least %d", len(commands), least)
	}
	return commands
}

// background is a command that leaves something running.
var background = regexp.MustCompile(`(?m)&\s*(#.*)?$`)

// reader is somebody who follows README.md.
type reader struct {
	*processWorld
	env      []string
	at       string // the folder that they are in
	known    []string
	password canary.Canary
}

func newReader(t *testing.T) *reader {
	r := &reader{processWorld: &processWorld{T: t, cluster: cluster.ForTest(t), own: "bulla-system", dir: t.TempDir()}, password: canary.New("db password")}
	r.client, r.at = r.admin(), r.dir
	var err error
	if r.repo, err = gitserver.ForTest(t).NewRepo("fleet"); err != nil {
		t.Fatal(err)
	}
	r.token = token.ForTest(t)
	keys, health := freeAddress(t), freeAddress(t)
	withPassword := strings.Replace(r.repo.URL(), "://", "://"+r.repo.Username+":"+r.repo.Password+"@", 1)
	// Whoever clones types the password in, where the services have it in a file.
	r.learn("git clone https://git.example.com/acme/fleet.git", "git clone "+withPassword)
	r.learn("https://git.example.com/acme/fleet.git", r.repo.URL())
	r.learn("keys.example.com:8443", keys)
	r.learn("0.0.0.0:8443", keys)
	r.learn("[keys.example.com]", "[127.0.0.1]")
	r.learn("127.0.0.1:9090", health)
	r.learn("/usr/lib/softhsm/libsofthsm2.so", r.token.SoftHSM)
	r.environment()
	t.Cleanup(r.cleanUp)
	return r
}

// environment has the binaries, a home, and what the steps take from variables.
func (r *reader) environment() {
	r.Helper()
	checkout, err := filepath.Abs("../..")
	if err != nil {
		r.Fatal(err)
	}
	bin := r.path("bin")
	builds := []*exec.Cmd{exec.Command("go", "build", "-o", bin+"/", "./cmd/bulla", "./cmd/bulla-keyservice", "filippo.io/age/cmd/age-keygen")}
	builds[0].Dir = checkout
	if _, err := exec.LookPath("kubectl"); err != nil {
		kubectl := exec.Command("go", "build", "-trimpath", "-o", bin+"/", "k8s.io/kubernetes/cmd/kubectl")
		kubectl.Dir = filepath.Join(checkout, "fixtures/kube")
		kubectl.Env = append(os.Environ(), "CGO_ENABLED=0") // as bin/kube: most packages are compiled already
		builds = append(builds, kubectl)
	}
	for _, build := range builds {
		if out, err := build.CombinedOutput(); err != nil {
			r.Fatalf("build what the steps use: %v\n%s", err, out)
		}
	}
	config, err := clientcmd.LoadFromFile(r.cluster.Kubeconfig())
	if err != nil {
		r.Fatal(err)
	}
	config.Contexts["prod-eu"] = config.Contexts[config.CurrentContext]
	config.CurrentContext = "prod-eu"
	if err := clientcmd.WriteToFile(*config, r.path("kubeconfig")); err != nil {
		r.Fatal(err)
	}
	r.env = append(r.token.Env, "PATH="+bin+":"+filepath.Join(checkout, "bin")+":"+os.Getenv("PATH"), "HOME="+r.dir, "BULLA="+checkout,
		"KUBECONFIG="+r.path("kubeconfig"), "PIN=1234-service", "SO_PIN=1234-so", "ROOT_PIN=5678-root", "ROOT_SO_PIN=5678-so",
		"GIT_USERNAME="+r.repo.Username, "GIT_PASSWORD="+r.repo.Password, "PASSWORD="+r.password.Value(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=ada", "GIT_AUTHOR_EMAIL=ada@acme.example", "GIT_COMMITTER_NAME=ada", "GIT_COMMITTER_EMAIL=ada@acme.example")
}

// cleanUp leaves the shared cluster as it was.
func (r *reader) cleanUp() {
	if out, err := helm(r.T, "uninstall", "bulla", "--namespace", r.own, "--kubeconfig", r.cluster.Kubeconfig()); err != nil {
		r.Logf("helm uninstall: %v\n%s", err, out)
	}
	for _, name := range []string{r.own, "shop"} {
		if err := r.client.Delete(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			r.Logf("delete namespace %q: %v", name, err)
		}
	}
}

// learn remembers what stands for a placeholder.
func (r *reader) learn(placeholder, value string) {
	r.Helper()
	if value == "" {
		r.Fatalf("nothing printed what stands for %s", placeholder)
	}
	r.known = append(r.known, placeholder, value)
}

// run runs a command of which nothing may go wrong.
func (r *reader) run(command string) (string, string) {
	r.Helper()
	out, said, err := r.try(command)
	if err != nil {
		r.Fatalf("as printed in README.md, this fails: %v\n%s\n%s%s", err, command, out, said)
	}
	return out, said
}

func (r *reader) refused(command, hint string) {
	r.Helper()
	if _, said, err := r.try(command); err == nil || !strings.Contains(said, hint) {
		r.Errorf("%s: %v, want a hint at %q:\n%s", command, err, hint, said)
	}
}

// try runs a command in the folder where the last one ended. Its output goes to
// files: a service that it leaves running would hold a pipe open.
func (r *reader) try(command string) (out, said string, err error) {
	r.Helper()
	filled := strings.NewReplacer(r.known...).Replace(command)
	if at := strings.Index(filled, "…"); at >= 0 {
		r.Fatalf("nobody says what stands for the … in README.md:\n%s", command)
	}
	stdout, stderr := r.create("stdout"), r.create("stderr")
	defer stdout.Close()
	defer stderr.Close()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", "trap 'pwd > \"$HOME/at\"' EXIT\n"+filled)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.at, r.env, stdout, stderr
	if err := child.Start(cmd, syscall.SIGKILL); err != nil {
		r.Fatal(err)
	}
	if group := cmd.Process.Pid; background.MatchString(command) {
		r.Cleanup(func() { _ = syscall.Kill(-group, syscall.SIGKILL) })
	}
	err = cmd.Wait()
	at, e := os.ReadFile(r.path("at"))
	r.at = strings.TrimSpace(string(at))
	return r.read("stdout"), r.read("stderr"), errors.Join(err, e)
}

func (r *reader) create(name string) *os.File {
	r.Helper()
	_ = os.Remove(r.path(name)) // a service may still write to the last one
	file, err := os.Create(r.path(name))
	if err != nil {
		r.Fatal(err)
	}
	return file
}

func (r *reader) read(name string) string {
	r.Helper()
	data, err := os.ReadFile(r.path(name))
	if err != nil {
		r.Fatal(err)
	}
	return string(data)
}

// ready wants a FleetSync and a Delivery, both Ready, in what is printed.
func (r *reader) ready(command string) error {
	out, said, err := r.try(command)
	if err != nil || strings.Count(out, " True ") != 2 {
		return errors.Join(err, errors.New(out+said))
	}
	return nil
}

func (r *reader) fleetID() string {
	r.Helper()
	_, id, _ := strings.Cut(r.read("fleet.yaml"), "\n  id: ")
	id, _, _ = strings.Cut(id, "\n")
	return id
}

// printed is what a command printed after a label.
func printed(out, label string) string {
	_, value, _ := strings.Cut(out, label)
	value, _, _ = strings.Cut(value, "\n")
	return strings.TrimSpace(value)
}

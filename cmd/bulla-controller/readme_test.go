package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/child"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/helm"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/product"
	"github.com/bulla-dev/bulla/fixtures/prose"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/fixtures/wait"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// onlyPages is for who writes one page. A how-to may need one before it.
var onlyPages = flag.String("pages", "", "after the tutorial the reader follows the pages that this matches alone")

// TestTheReadmesWholePathWorksAsPrinted runs every command of the tutorial, the
// README and the how-tos, in order, as somebody who follows them: what a reader must
// put in is put in, and nothing else, and what a page shows must be seen.
func TestTheReadmesWholePathWorksAsPrinted(t *testing.T) {
	r := newReader(t)
	r.follow("docs/tutorial.md")
	key := client.ObjectKey{Namespace: "shop", Name: "shop-db"}
	for _, one := range []*processWorld{r.processWorld, r.second} {
		live := &corev1.Secret{}
		if err := one.client.Get(t.Context(), key, live); err != nil || string(live.Data["password"]) != r.next.Value() {
			t.Errorf("the Secret is not what was typed in last, byte for byte: %v", err)
		}
	}
	only, err := regexp.Compile(*onlyPages)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append([]string{"README.md"}, howTos(t)...) {
		if r.at = r.path("fleet"); only.MatchString(page) && hasBlocks(t, page) {
			r.follow(page)
		}
	}
}

// hasBlocks says of a page that something is pasted from it: in some, people click.
func hasBlocks(t *testing.T, page string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", page))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), "```")
}

// howTos are the pages that docs/README.md lists, which must be all.
func howTos(t *testing.T) []string {
	t.Helper()
	index, err := os.ReadFile("../../docs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, m := range regexp.MustCompile(`\((how-to/[\w-]+\.md)\)`).FindAllStringSubmatch(string(index), -1) {
		pages = append(pages, "docs/"+m[1])
	}
	if there, err := filepath.Glob("../../docs/how-to/*.md"); err != nil || len(there) != len(pages) {
		t.Fatalf("docs/README.md lists %d how-tos, and there are %d: %v", len(pages), len(there), err)
	}
	return pages
}

// follow runs the commands of a page.
func (r *reader) follow(page string) {
	r.Helper()
	commands, err := prose.Commands(filepath.Join("../..", page))
	if err != nil || len(commands) == 0 {
		r.Fatalf("%s has %d commands: %v", page, len(commands), err)
	}
	for _, c := range commands {
		r.Logf("%s:%d: %s", page, c.Line, c.Text)
		if strings.HasPrefix(c.Text, "helm uninstall") {
			// As its Deployment would: gone before its rights are.
			r.stopController()
			r.nothingForbidden()
		}
		out, said := r.see(c)
		switch {
		case strings.HasPrefix(c.Text, "age-keygen"):
			r.learn("age1pq1…", regexp.MustCompile(`age1pq1\w+`).FindString(said))
		case strings.HasPrefix(c.Text, "bulla-keyservice init"):
			r.learn("acme+1f2e…", printed(out, "rootKey: "))
			r.learn("6f1c…", r.fleetID())
			r.env = append(r.env, "BULLA_ROOT_KEY="+printed(out, "rootKey: "))
		case strings.Contains(c.Text, "token create") && strings.Contains(c.Text, "--pattern"):
			r.enrol(regexp.MustCompile(`bulla1_\S+`).FindString(out), "shop-1", "shop-2")
		case strings.HasPrefix(c.Text, "bulla cluster add --enrolled") && !strings.Contains(out, "taken out"):
			told, _, err := r.try("bulla cluster fingerprint shop-1") // as somebody at the machine reads it out
			if err != nil {
				r.Fatal(err)
			}
			r.learn("8c1f-0b6e-55aa-93d2-4410-e7c9-6b02-a1fd", strings.TrimSpace(told))
		case strings.HasPrefix(c.Text, "bulla-keyservice token create"):
			r.learn("bulla1_…", strings.TrimSpace(out))
		case strings.HasPrefix(c.Text, "bulla-keyservice people sign-in"):
			r.learn("sha256:…", regexp.MustCompile(`sha256:\w+`).FindString(out))
		case strings.HasPrefix(c.Text, "bulla login >"):
			r.learn("sha256:…", regexp.MustCompile(`sha256:\w+`).FindString(said))
		case strings.HasPrefix(c.Text, "helm install bulla "):
			// The nodes are simulated and run no image: the controller is a process
			// with the account that the chart made.
			r.startController()
		case strings.HasPrefix(c.Text, "helm --kube-context prod-us install"):
			r.second.startController()
		}
	}
}

// looks are commands that only look: what they show may take a moment to come.
var looks = regexp.MustCompile(`^(kubectl .*\bget |bulla (status|audit|get|tree|trace|diff) |bulla status$)`)

// see runs a command until one sees what the page shows.
func (r *reader) see(c prose.Command) (out, said string) {
	r.Helper()
	once := func() (err error) {
		out, said, err = r.try(c.Text)
		switch {
		case c.Fails() && err == nil:
			return fmt.Errorf("%s:%d: this is shown to fail, and does not", c.Page, c.Line)
		case !c.Fails() && err != nil:
			return fmt.Errorf("%s:%d: as printed, this fails: %w\n%s\n%s%s", c.Page, c.Line, err, c.Text, out, said)
		}
		return c.Seen(out + said)
	}
	if looks.MatchString(c.Text) {
		wait.For(r.T, c.Text, once)
		return out, said
	}
	if err := once(); err != nil {
		r.Error(err)
	}
	return out, said
}

// background is a command that leaves something running.
var background = regexp.MustCompile(`(?m)&\s*(#.*)?$`)

// reader is somebody who follows the pages.
type reader struct {
	*processWorld
	env      []string
	at       string // the folder that they are in
	known    []string
	password canary.Canary
	next     canary.Canary // the password that follows it
	second   *processWorld // prod-us
}

func newReader(t *testing.T) *reader {
	r := &reader{processWorld: &processWorld{T: t, cluster: cluster.ForTest(t), own: "bulla-system", dir: t.TempDir()},
		password: canary.New("db password"), next: canary.New("next password")}
	r.client, r.at = r.admin(), r.dir
	r.second = secondCluster(t)
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
	r.company(t)
	forgetCRDs(t, r.cluster)
	t.Cleanup(r.cleanUp)
	return r
}

// secondCluster is another control plane, of this test alone.
func secondCluster(t *testing.T) *processWorld {
	t.Helper()
	c, err := cluster.Start(t.Context(), cluster.Options{Name: "prod-us"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Errorf("stop prod-us: %v", err)
		}
	})
	w := &processWorld{T: t, cluster: c, own: "bulla-system", dir: t.TempDir()}
	w.client = w.admin()
	return w
}

// environment has the binaries, a home, and what the steps take from variables.
func (r *reader) environment() {
	r.Helper()
	checkout, err := filepath.Abs("../..")
	if err != nil {
		r.Fatal(err)
	}
	bin := r.path("bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		r.Fatal(err)
	}
	if err := product.Build(r.Context(), bin, "bulla", "bulla-keyservice"); err != nil {
		r.Fatal(err)
	}
	age := exec.Command("go", "build", "-trimpath", "-o", bin+"/",
		"filippo.io/age/cmd/age-keygen", "filippo.io/age/cmd/age")
	age.Dir = checkout
	if out, err := age.CombinedOutput(); err != nil {
		r.Fatalf("build what the steps use: %v\n%s", err, out)
	}
	bin += ":" + r.kubectl(checkout)
	config, err := clientcmd.LoadFromFile(r.cluster.Kubeconfig())
	if err != nil {
		r.Fatal(err)
	}
	config.Contexts["prod-eu"] = config.Contexts[config.CurrentContext]
	config.CurrentContext = "prod-eu"
	other, err := clientcmd.LoadFromFile(r.second.cluster.Kubeconfig())
	if err != nil {
		r.Fatal(err)
	}
	context := other.Contexts[other.CurrentContext]
	config.Clusters["prod-us"] = other.Clusters[context.Cluster]
	config.AuthInfos["prod-us"] = other.AuthInfos[context.AuthInfo]
	context.Cluster, context.AuthInfo = "prod-us", "prod-us"
	config.Contexts["prod-us"] = context
	if err := clientcmd.WriteToFile(*config, r.path("kubeconfig")); err != nil {
		r.Fatal(err)
	}
	r.env = append(r.token.Env, "PATH="+bin+":"+filepath.Join(checkout, "bin")+":"+os.Getenv("PATH"), "HOME="+r.dir,
		"BULLA="+checkout,
		"KUBECONFIG="+r.path("kubeconfig"), "PIN=1234-service", "SO_PIN=1234-so", "ROOT_PIN=5678-root", "ROOT_SO_PIN=5678-so",
		"GIT_USERNAME="+r.repo.Username, "GIT_PASSWORD="+r.repo.Password, "PASSWORD="+r.password.Value(),
		"NEXT_PASSWORD="+r.next.Value(),
		"NEW_PASSWORD="+canary.New("new password").Value(), "TOKEN="+canary.New("token").Value(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=ada", "GIT_AUTHOR_EMAIL=ada@acme.example", "GIT_COMMITTER_NAME=ada",
		"GIT_COMMITTER_EMAIL=ada@acme.example")
}

// kubectl is the folder of one: what is there, or a build.
func (r *reader) kubectl(checkout string) string {
	r.Helper()
	for _, folder := range filepath.SplitList(filepath.Join(checkout, "bin/control-plane") + ":" + os.Getenv("PATH")) {
		if _, err := exec.LookPath(filepath.Join(folder, "kubectl")); err == nil {
			return folder
		}
	}
	bin := r.T.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", bin+"/", "k8s.io/kubernetes/cmd/kubectl")
	build.Dir = filepath.Join(checkout, "fixtures/kube")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as bin/kube: most packages are compiled already
	if out, err := build.CombinedOutput(); err != nil {
		r.Fatalf("build kubectl: %v\n%s", err, out)
	}
	return bin
}

// company is where the reader has an account: its OpenID provider, and a browser.
func (r *reader) company(t *testing.T) {
	t.Helper()
	p := openid.ForTest(t)
	p.Add(openid.User{Name: "u-ada", Email: "ada@acme.example", Groups: []string{"fleet-ops"}})
	r.learn("https://login.example.com", p.Issuer)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	browser := r.path("browser")
	script := fmt.Sprintf("#!/bin/sh\n%s=u-ada ISSUERCA=%s exec %s \"$1\"\n", beTheBrowser, p.CAFile, self)
	if err := os.WriteFile(browser, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	// The provider's authority is among the machine's, as a company's is.
	r.env = append(r.env, "BROWSER="+browser, "SSL_CERT_FILE="+p.CAFile)
}

// cleanUp leaves the shared cluster as it was.
func (r *reader) cleanUp() {
	if out, err := helm.On(r.T, r.cluster, r.own, "uninstall", "bulla"); err != nil {
		r.Logf("helm uninstall: %v\n%s", err, out)
	}
	for _, name := range []string{r.own, "shop"} {
		if err := r.client.Delete(context.Background(),
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
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
	for i := 0; i < len(r.known); i += 2 {
		if r.known[i] == placeholder {
			r.known[i+1] = value // the last token, for the last cluster
			return
		}
	}
	r.known = append(r.known, placeholder, value)
}

// try runs a command in the folder where the last one ended. Its output goes to
// files: a service that it leaves running would hold a pipe open.
func (r *reader) try(command string) (out, said string, err error) {
	r.Helper()
	filled := strings.NewReplacer(r.known...).Replace(command)
	if at := strings.Index(filled, "…"); at >= 0 {
		r.Fatalf("nobody says what stands for the … in this:\n%s", command)
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
		// Not every key service of this machine is this reader's.
		r.learn(`"$(pidof bulla-keyservice)"`, fmt.Sprintf("-- -%d", group))
	}
	err = cmd.Wait()
	at, e := os.ReadFile(r.path("at"))
	r.at = strings.TrimSpace(string(at))
	return r.read("stdout"), r.read("stderr"), errors.Join(err, e)
}

// enrol plays machines that have a token: of each there are its keys.
func (r *reader) enrol(text string, names ...string) {
	r.Helper()
	token, err := protocol.ParseJoinToken(text)
	if err != nil {
		r.Fatal(err)
	}
	for _, name := range names {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			r.Fatal(err)
		}
		identity, err := age.GenerateHybridIdentity()
		if err != nil {
			r.Fatal(err)
		}
		if _, err := keyservice.Enroll(r.Context(), keyservice.EnrollOptions{Token: token, Cluster: name, Key: key,
			Identity: identity, Recipient: identity.Recipient().String()}); err != nil {
			r.Fatal(err)
		}
	}
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

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/product"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

// TestTheControllerWorksUnderTheChartsAccount is the whole way on real parts: a
// SoftHSM token, the key service's own binary, Git over HTTP, and this binary
// as a process under the token of the chart's ServiceAccount and nothing else.
func TestTheControllerWorksUnderTheChartsAccount(t *testing.T) {
	app := tenant()
	c, own := install(t, "replicas=0", "rbac.tenants[0].namespace="+app, "rbac.tenants[0].createNamespace=true")
	w := &processWorld{T: t, cluster: c, own: own, app: app, dir: t.TempDir()}
	w.client = w.admin()
	w.takeNotifications()
	w.serveKeys()
	w.startController()
	secret := canary.New("db password")

	t.Log("it enrols, and waits for its Cluster file")
	sync := w.waitFor("enrolled", func(s *v1alpha1.FleetSync) error {
		if reason := conditions.GetReason(s, meta.ReadyCondition); reason != v1alpha1.NotInFleetReason {
			return fmt.Errorf("%s: %s", reason, conditions.GetMessage(s, meta.ReadyCondition))
		}
		// Conditions and the rest of a status are written by two requests.
		if s.Status.Identity == "" || s.Status.Recipient == "" {
			return errors.New("the status does not show its keys yet")
		}
		return nil
	})
	w.commit(map[string]*string{
		"clusters/prod-eu.yaml": new(testfleet.ClusterOf("prod-eu", sync.Status.Identity, sync.Status.Recipient)),
	})

	t.Log("it delivers a Secret and a Deployment, as the account of their namespace")
	w.commit(w.files(secret.Value()))
	w.request()
	w.waitForDelivery(func(d *v1alpha1.Delivery) error {
		if !conditions.IsReady(d) {
			return errors.New(conditions.GetMessage(d, meta.ReadyCondition))
		}
		return nil
	})
	live := &corev1.Secret{}
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.app, Name: "db"}, live); err != nil ||
		string(live.Data["password"]) != secret.Value() {
		t.Fatalf("the Secret is not as sealed: %v", err)
	}

	t.Log("a push reaches it by webhook and notice, an hour before it would look")
	first := secret
	secret = canary.New("db password, rotated")
	w.commit(w.files(secret.Value()))
	pushed := time.Now()
	w.ring()
	wait.For(t, "the new value is applied", func() error {
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.app, Name: "db"}, live); err != nil {
			return err
		}
		if string(live.Data["password"]) != secret.Value() {
			return errors.New("the Secret has the value of before")
		}
		return nil
	})
	t.Logf("from webhook to applied: %s", time.Since(pushed).Round(10*time.Millisecond))

	t.Log("a restart with the key service down heals a deleted Secret")
	w.stopController()
	w.stopKeys()
	if err := w.client.Delete(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	w.startController()
	wait.For(t, "the Secret is back", func() error {
		return w.client.Get(t.Context(), client.ObjectKey{Namespace: w.app, Name: "db"}, live)
	})

	t.Log("an unplaced application goes, its Delivery last")
	w.commit(map[string]*string{"placements/shop.yaml": nil})
	w.request()
	wait.For(t, "the application and its Delivery are gone", func() error {
		for name, object := range map[client.ObjectKey]client.Object{
			{Namespace: w.app, Name: "db"}:   &corev1.Secret{},
			{Namespace: w.app, Name: "api"}:  &appsv1.Deployment{},
			{Namespace: w.own, Name: "shop"}: &v1alpha1.Delivery{},
		} {
			if err := w.client.Get(t.Context(), name, object); !apierrors.IsNotFound(err) {
				return fmt.Errorf("%s is still there: %q", name, apierrors.ReasonForError(err))
			}
		}
		return nil
	})
	wait.For(t, "a notification says that it was ready", func() error {
		if said := w.notified.text(); !strings.Contains(said, `"type":"dev.bulla.delivery.ready"`) ||
			!strings.Contains(said, `"source":"/clusters/prod-eu"`) {
			return errors.New(said)
		}
		return nil
	})
	w.stopController()
	w.nothingForbidden()
	w.sweep(first)
	w.sweep(secret)
}

// processWorld is the parts of that test.
type processWorld struct {
	*testing.T
	cluster    *cluster.Cluster
	client     client.Client
	own, app   string // namespaces: the controller's, the application's
	dir        string
	repo       *gitserver.Repo
	token      *token.Token
	fleet      *api.Fleet
	listen     string
	hooks      string // where webhooks are sent
	notified   notified
	keys       *exec.Cmd
	controller *exec.Cmd
}

func (w *processWorld) admin() client.Client {
	w.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		w.Fatal(err)
	}
	admin, err := client.New(w.cluster.Config(), client.Options{Scheme: scheme})
	if err != nil {
		w.Fatal(err)
	}
	return admin
}

func (w *processWorld) path(name string) string { return filepath.Join(w.dir, name) }

func (w *processWorld) write(name, content string) string {
	w.Helper()
	if err := os.WriteFile(w.path(name), []byte(content), 0o600); err != nil {
		w.Fatal(err)
	}
	return w.path(name)
}

func (w *processWorld) commit(files map[string]*string) {
	w.Helper()
	if _, err := w.repo.Commit("change the fleet", files); err != nil {
		w.Fatal(err)
	}
}

// serveKeys holds the ceremony and starts the key service.
func (w *processWorld) serveKeys() {
	w.Helper()
	server := gitserver.ForTest(w.T)
	var err error
	if w.repo, err = server.NewRepo("fleet"); err != nil {
		w.Fatal(err)
	}
	w.token = token.ForTest(w.T)
	if err := product.Build(w.Context(), w.dir, "bulla-keyservice"); err != nil {
		w.Fatal(err)
	}
	pin, rootPIN := w.write("pin", w.token.PIN), w.write("root-pin", w.token.Root.PIN)
	printed := w.keyservice("init", "--name", "acme", "--module", w.token.Module, "--token-label", w.token.Label,
		"--pin-file", pin,
		"--root-token-label", w.token.Root.Label, "--root-pin-file", rootPIN, "--out", w.dir)
	data, err := os.ReadFile(w.path("fleet.yaml"))
	if err != nil {
		w.Fatal(err)
	}
	w.fleet = &api.Fleet{}
	if err := yaml.UnmarshalStrict(data, w.fleet); err != nil {
		w.Fatal(err)
	}
	w.commit(map[string]*string{"fleet.yaml": new(string(data))})
	_, root, _ := strings.Cut(printed, "rootKey: ")
	root, _, _ = strings.Cut(root, "\n")
	w.write("git-username", w.repo.Username)
	w.write("git-password", w.repo.Password)
	w.listen = freeAddress(w.T)
	if err := os.Mkdir(w.path("data"), 0o700); err != nil {
		w.Fatal(err)
	}
	health := freeAddress(w.T)
	w.hooks = freeAddress(w.T)
	w.write("hook-secret", hookSecret)
	config := w.write("keyservice.yaml", fmt.Sprintf(`fleet: %q
rootKey: %q
repository: {url: %q, interval: 1h, usernameFile: git-username, passwordFile: git-password}
token: {module: %q, label: %q, pinFile: pin, sessions: 2}
listen: %q
serverNames: ["127.0.0.1"]
health: %q
dataDir: data
receiver: {listen: %q, hooks: [{name: forge, type: generic-hmac, secretFile: hook-secret}]}
`, w.fleet.Spec.ID, root, w.repo.URL(), w.token.Module, w.token.Label, w.listen, health, w.hooks))
	w.keys = w.run("keyservice.log", w.token.Env, w.path("bulla-keyservice"), "serve", "--config", config)
	wait.For(w.T, "the key service is ready", func() error { return get("http://" + health + "/readyz") })

	join := w.keyservice("token", "create", "--config", config, "--cluster", "prod-eu")
	for _, object := range []client.Object{
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "join"}, StringData: map[string]string{"token": join}},
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "git"},
			StringData: map[string]string{"username": w.repo.Username, "password": w.repo.Password},
		},
		&v1alpha1.FleetSync{ObjectMeta: metav1.ObjectMeta{Name: "fleet"}, Spec: v1alpha1.FleetSyncSpec{
			URL: w.repo.URL(), ClusterName: "prod-eu", SecretRef: &meta.LocalObjectReference{Name: "git"},
			KeyService: v1alpha1.KeyServiceReference{
				URL:                "https://" + w.listen,
				JoinTokenSecretRef: &meta.LocalObjectReference{Name: "join"},
			},
			// Nothing of this test is found by looking once in a while.
			Interval: metav1.Duration{Duration: time.Hour},
		}},
	} {
		object.SetNamespace(w.own)
		if err := w.client.Create(w.Context(), object); err != nil {
			w.Fatal(err)
		}
	}
}

// keyservice runs one of its commands and gives its standard output.
func (w *processWorld) keyservice(arguments ...string) string {
	w.Helper()
	cmd := exec.Command(w.path("bulla-keyservice"), arguments...)
	cmd.Dir, cmd.Env = w.dir, append([]string{"HOME=" + w.dir}, w.token.Env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("bulla-keyservice %s: %v\n%s", arguments[0], err, &errs)
	}
	return string(out)
}

// run starts a process that dies with this one; its output goes to a file.
func (w *processWorld) run(log string, env []string, argv ...string) *exec.Cmd {
	w.Helper()
	file, err := os.OpenFile(w.path(log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, append([]string{"HOME=" + w.dir}, env...), file, file
	if err := cluster.StartChild(cmd, syscall.SIGKILL); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if w.Failed() {
			data, _ := os.ReadFile(w.path(log))
			w.Logf("%s ends with:\n%s", log, data[max(0, len(data)-3000):])
		}
	})
	return cmd
}

func (w *processWorld) startController() {
	w.Helper()
	_, config := as(w.T, w.cluster, w.own)
	kubeconfig := w.path("controller.kubeconfig")
	if err := cluster.WriteKubeconfig(kubeconfig, config); err != nil {
		w.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.Fatal(err)
	}
	command := []string{self, "--kubeconfig", kubeconfig, "--namespace", w.own,
		"--storage-path", w.path("storage"), "--metrics-addr", freeAddress(w.T), "--health-addr", freeAddress(w.T),
		"--enable-leader-election", "--default-service-account", "bulla-deployer"}
	if w.notified.providers != "" {
		command = append(command, "--notify-config", w.notified.providers)
	}
	w.controller = w.run("controller.log", []string{beTheController + "=1"}, command...)
}

func (w *processWorld) stopController() { w.end(w.controller) }
func (w *processWorld) stopKeys()       { w.end(w.keys) }

// end asks a process to end; one that does not end by itself fails the test.
func (w *processWorld) end(cmd *exec.Cmd) {
	w.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		w.Errorf("%s ended with %v", filepath.Base(cmd.Path), err)
	}
}

// files is an application with one sealed value and a workload that uses it.
func (w *processWorld) files(value string) map[string]*string {
	w.Helper()
	stub, err := testfleet.SealerOf(w, &w.fleet.Spec).File(testfleet.Secret{
		Namespace: w.app, Name: "db", Targets: []string{"set/retail"}, Values: map[string]string{"password": value},
	})
	if err != nil {
		w.Fatal(err)
	}
	files := map[string]string{
		"clustersets/retail.yaml": testfleet.Set("retail"),
		"placements/shop.yaml":    testfleet.Placement("shop", "apps/shop", w.app, "{clusterSet: retail}"),
		"apps/shop/db.yaml":       string(stub),
		"apps/shop/api.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - {name: api, image: registry.example/api, envFrom: [{secretRef: {name: db}}]}
`,
	}
	out := map[string]*string{}
	for path, content := range files {
		out[path] = &content
	}
	return out
}

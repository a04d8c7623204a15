package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/fixtures/helm"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

const (
	chart   = "../../charts/bulla-controller"
	release = "bulla"
	// account is the chart's ServiceAccount for that release.
	account = "bulla-bulla-controller"
)

// install installs the chart into a namespace of its own on the shared cluster.
func install(t *testing.T, values ...string) (c *cluster.Cluster, namespace string) {
	t.Helper()
	c = cluster.ForTest(t)
	namespace = c.NewNamespace(t)
	label(t, c, namespace)
	forgetCRDs(t, c)
	helm.Install(t, c, namespace, release, chart, values...)
	return c, namespace
}

// forgetCRDs deletes the definitions when the test ends: they outlive their release,
// and Helm gives them to no other.
func forgetCRDs(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	all := clientOf(t, c)
	t.Cleanup(func() {
		for _, name := range []string{"fleetsyncs.bulla.dev", "deliveries.bulla.dev", "sealedmanifests.bulla.dev"} {
			crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: name}}
			if err := client.IgnoreNotFound(all.Delete(context.Background(), crd)); err != nil {
				t.Errorf("delete CRD %s: %v", name, err)
			}
			wait.Until(t, "the CRD is gone", func() bool {
				return apierrors.IsNotFound(all.Get(context.Background(), client.ObjectKeyFromObject(crd), crd))
			})
		}
	})
}

// label makes the API server enforce the restricted pod security standard.
func label(t *testing.T, c *cluster.Cluster, namespace string) {
	t.Helper()
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	patch := client.RawPatch(
		"application/merge-patch+json",
		[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`),
	)
	if err := c.Client().Patch(t.Context(), object, patch); err != nil {
		t.Fatal(err)
	}
}

// right is one line of `kubectl auth can-i`.
type right struct {
	verb, group, resource, subresource, namespace, name string
}

func (r right) String() string {
	return strings.Join([]string{r.verb, r.group, r.resource, r.subresource, "in", r.namespace, r.name}, " ")
}

// may asks the API server as the ServiceAccount itself.
func may(t *testing.T, asAccount client.Client, r right) bool {
	t.Helper()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: r.verb, Group: r.group, Resource: r.resource, Subresource: r.subresource, Namespace: r.namespace, Name: r.name,
		},
	}}
	if err := asAccount.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

func as(t *testing.T, c *cluster.Cluster, namespace string) (client.Client, *rest.Config) {
	t.Helper()
	config, err := c.NewServiceAccount(t.Context(), namespace, account)
	if err != nil {
		t.Fatal(err)
	}
	asAccount, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return asAccount, config
}

func TestTheChartGrantsWhatTheControllerNeeds(t *testing.T) {
	c, own := install(t)
	asAccount, _ := as(t, c, own)
	const other = "default"
	needed := []right{
		{"list", "bulla.dev", "fleetsyncs", "", own, ""}, {"watch", "bulla.dev", "fleetsyncs", "", own, ""},
		{"patch", "bulla.dev", "fleetsyncs", "status", own, "fleet"},
		{"create", "bulla.dev", "deliveries", "", own, ""}, {"patch", "bulla.dev", "deliveries", "", own, "a"},
		{"delete", "bulla.dev", "deliveries", "", own, "a"}, {"patch", "bulla.dev", "deliveries", "status", own, "a"},
		{"update", "bulla.dev", "deliveries", "status", own, "a"},
		{"get", "", "secrets", "", own, "bulla-identity"}, {"create", "", "secrets", "", own, ""},
		{"update", "", "secrets", "", own, "bulla-identity"}, {"delete", "", "secrets", "", own, "bulla-answers-a"},
		{"create", "coordination.k8s.io", "leases", "", own, ""},
		{"update", "coordination.k8s.io", "leases", "", own, leaseName},
		{"create", "", "events", "", own, ""}, {"patch", "", "events", "", own, "e"},
		{"watch", "apps", "deployments", "", "", ""}, {"list", "example.com", "widgets", "", "", ""},
		{"list", "", "pods", "", "", ""}, {"watch", "", "pods", "", "", ""},
		{"impersonate", "", "serviceaccounts", "", other, "bulla-deployer"},
	}
	for _, r := range needed {
		if !may(t, asAccount, r) {
			t.Errorf("the chart does not grant: %s", r)
		}
	}
}

func TestTheChartGrantsTheControllerNoMore(t *testing.T) {
	c, own := install(t)
	asAccount, _ := as(t, c, own)
	const other = "default"
	refused := []right{
		{"create", "bulla.dev", "fleetsyncs", "", own, ""}, {"patch", "bulla.dev", "fleetsyncs", "", own, "fleet"},
		{"create", "bulla.dev", "deliveries", "", other, ""},
		{"create", "rbac.authorization.k8s.io", "clusterrolebindings", "", "", ""},
		{"patch", "rbac.authorization.k8s.io", "clusterroles", "", "", "x"},
		{"escalate", "rbac.authorization.k8s.io", "clusterroles", "", "", ""},
		{"bind", "rbac.authorization.k8s.io", "roles", "", other, ""},
		{"impersonate", "", "users", "", "", "admin"}, {"impersonate", "", "groups", "", "", "system:masters"},
		{"impersonate", "", "serviceaccounts", "", "kube-system", "clusterrole-aggregation-controller"},
		{"impersonate", "", "serviceaccounts", "", other, ""},
		{"create", "", "namespaces", "", "", ""}, {"delete", "", "namespaces", "", "", "payments"},
		{"patch", "", "secrets", "", other, "db"},
		{"delete", "", "secrets", "", other, "db"}, {"create", "", "pods", "", other, ""},
		{"patch", "apps", "deployments", "", other, "api"}, {"patch", "batch", "jobs", "", other, "j"},
		{"create", "", "serviceaccounts", "token", other, "default"}, {"create", "", "pods", "exec", other, "p"},
		{"create", "", "pods", "eviction", other, "p"},
		{"create", "", "nodes", "", "", ""}, {"delete", "", "nodes", "", "", "n"},
		{"patch", "apiextensions.k8s.io", "customresourcedefinitions", "", "", "x"},
		{"create", "admissionregistration.k8s.io", "validatingwebhookconfigurations", "", "", ""},
		{"update", "coordination.k8s.io", "leases", "", "kube-system", "kube-scheduler"},
		{"update", "coordination.k8s.io", "leases", "", own, "another"},
	}
	for _, r := range refused {
		if may(t, asAccount, r) {
			t.Errorf("the chart grants what the controller must not do: %s", r)
		}
	}
}

// A tenant's account writes what placements hold, in its own namespace alone.
func TestATenantsAccountWritesInItsOwnNamespaceOnly(t *testing.T) {
	app := tenant()
	c, own := install(
		t,
		"rbac.tenants[0].namespace="+app,
		"rbac.tenants[0].createNamespace=true",
		"rbac.tenants[0].serviceAccount=payments-deployer",
		"defaultServiceAccount=",
		"rbac.impersonate.serviceAccounts={others}",
	)
	config, err := c.NewServiceAccount(t.Context(), app, "payments-deployer")
	if err != nil {
		t.Fatal(err)
	}
	deployer, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	asController, _ := as(t, c, own)
	for who, rights := range map[client.Client]map[right]bool{
		deployer: {
			{"patch", "", "secrets", "", app, "db"}: true, {"patch", "apps", "deployments", "", app, "api"}: true,
			{"patch", "", "namespaces", "", app, app}:     true,
			{"patch", "", "secrets", "", "default", "db"}: false, {"patch", "", "secrets", "", own, "bulla-identity"}: false,
			{"create", "", "namespaces", "", "", ""}:                             false,
			{"create", "rbac.authorization.k8s.io", "rolebindings", "", app, ""}: false,
			{"impersonate", "", "serviceaccounts", "", app, "default"}:           false,
		},
		asController: {
			{"impersonate", "", "serviceaccounts", "", app, "payments-deployer"}: true,
			{"impersonate", "", "serviceaccounts", "", app, "others"}:            true,
			{"impersonate", "", "serviceaccounts", "", app, "bulla-deployer"}:    false,
			{"patch", "", "secrets", "", app, "db"}:                              false,
		},
	} {
		for r, want := range rights {
			if got := may(t, who, r); got != want {
				t.Errorf("%s: allowed %v, want %v", r, got, want)
			}
		}
	}
}

// tenant is the name of a namespace that a chart is to make.
func tenant() string { return "shop-" + strings.ToLower(rand.Text()[:10]) }

// Where an operator says so, the controller applies in its own name.
func TestTheControllersOwnRightsAreAskedFor(t *testing.T) {
	c, own := install(t, "rbac.apply.enabled=true", "rbac.impersonate.any=true")
	asAccount, _ := as(t, c, own)
	for r, want := range map[right]bool{
		{"patch", "", "secrets", "", "default", "db"}: true, {"patch", "apps", "deployments", "", "default", "api"}: true,
		{"impersonate", "", "serviceaccounts", "", "default", "anybody"}:           true,
		{"create", "rbac.authorization.k8s.io", "clusterrolebindings", "", "", ""}: false,
	} {
		if got := may(t, asAccount, r); got != want {
			t.Errorf("%s: allowed %v, want %v", r, got, want)
		}
	}
	out, err := helm.Run(t,
		"template",
		release,
		chart,
		"--set",
		"rbac.apply.enabled=true",
		"--show-only",
		"templates/deployment.yaml",
	)
	if err != nil || !strings.Contains(out, "--apply-as-controller") ||
		!strings.Contains(out, "--default-service-account=bulla-deployer") {
		t.Errorf("the Deployment's flags (%v):\n%s", err, out)
	}
	if out, err = helm.Run(t, "template", release, chart, "--show-only", "templates/deployment.yaml"); err != nil ||
		strings.Contains(out, "--apply-as-controller") {
		t.Errorf("by default (%v):\n%s", err, out)
	}
}

func TestAPodOfTheChartIsAdmittedAsRestricted(t *testing.T) {
	c, namespace := install(t)
	wait.For(t, "a pod of the Deployment is admitted", func() error {
		pods := &corev1.PodList{}
		if err := c.Client().List(t.Context(), pods, client.InNamespace(namespace)); err != nil ||
			len(pods.Items) == 1 {
			return err
		}
		events := &corev1.EventList{}
		if err := c.Client().List(t.Context(), events, client.InNamespace(namespace)); err != nil {
			return err
		}
		said := []string{"no pod yet"}
		for _, event := range events.Items {
			said = append(said, event.Message)
		}
		return errors.New(strings.Join(said, "; "))
	})
}

func TestValuesAreCheckedBeforeAnythingIsInstalled(t *testing.T) {
	tests := []struct{ name, value, names string }{
		{"a value that does not exist", "rbac.clusterAdmin=true", "clusterAdmin"},
		{"a digest that is none", "image.digest=latest", "digest"},
		{"a FleetSync without a URL", "fleetSync.create=true", "fleetSync.url"},
		{"a key service without TLS", "fleetSync.keyService.url=http://keys.example.com", "keyService"},
		{
			"a tenant without an account", "defaultServiceAccount=,rbac.tenants[0].namespace=shop",
			"shop has no serviceAccount",
		},
		{"a definition that is kept by half", "crds.keep=half", "keep"},
		{"a port that is none", "networkPolicy.egress.ports[0]=70000", "ports"},
		{"a rule with verbs of its own", "rbac.apply.rules[0].verbs[0]=escalate", "rules"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := helm.Run(t, "template", release, chart, "--set", test.value)
			if exit := new(exec.ExitError); !errors.As(err, &exit) || !strings.Contains(out, test.names) {
				t.Errorf(
					"helm template --set %s: %v, want a refusal that names %s:\n%s",
					test.value,
					err,
					test.names,
					out,
				)
			}
		})
	}
}

func TestTheFloorUnderSignaturesReachesTheFleetSync(t *testing.T) {
	args := []string{
		"template",
		release,
		chart,
		"--set",
		"fleetSync.create=true",
		"--set",
		"fleetSync.url=https://git.example.com/fleet.git",
		"--set",
		"fleetSync.clusterName=prod-eu",
		"--set",
		"fleetSync.keyService.url=https://keys.example.com",
		"--show-only",
		"templates/fleetsync.yaml",
	}
	const signers = `["ada@acme.example namespaces=\"git\" ssh-ed25519 AAAA"]`
	out, err := helm.Run(t,
		append(args, "--set-json", `fleetSync.signing={"require":["clusters/"],"allowedSigners":`+signers+`}`)...)
	if err != nil {
		t.Fatalf("helm template: %v\n%s", err, out)
	}
	var sync v1alpha1.FleetSync
	if err := yaml.UnmarshalStrict([]byte(out), &sync); err != nil {
		t.Fatal(err)
	}
	want := &api.Signing{
		Require:        []string{"clusters/"},
		AllowedSigners: []string{`ada@acme.example namespaces="git" ssh-ed25519 AAAA`},
	}
	if diff := cmp.Diff(want, sync.Spec.Signing); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if out, err = helm.Run(t, args...); err != nil || strings.Contains(out, "signing") {
		t.Errorf("without a floor: %v\n%s", err, out)
	}
	if out, err := helm.Run(t, append(args, "--set-json", `fleetSync.signing={"requires":[]}`)...); err == nil {
		t.Errorf("a field that does not exist is taken:\n%s", out)
	}
}

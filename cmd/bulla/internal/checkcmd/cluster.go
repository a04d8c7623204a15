package checkcmd

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Masterminds/semver/v3"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/charts"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/desk/naming"
)

// controllerLabel is how the chart's pods and Deployment are found.
const controllerLabel = "app.kubernetes.io/name=bulla-controller"

// lookAtCluster asks the API server that a context leads to. One that nobody named may
// be another project's: then nothing of it is a failure.
func (a *run) lookAtCluster(ctx context.Context) {
	named := a.context != "" || a.kubeconfig != ""
	wrong := func(what string, err error) {
		if named {
			a.is(Failed, what, err)
			return
		}
		a.notAsked(what, "--context names the cluster that is meant", "the current context leads to none: %v", err)
	}
	cluster, err := kube.Connect(a.kubeconfig, a.context)
	if err != nil {
		wrong("kubeconfig", err)
		return
	}
	seen := &serverClock{}
	config := rest.CopyConfig(cluster.Config)
	config.QPS, config.Timeout = -1, a.timeout // some forty questions about rights, once
	config.Wrap(seen.wrap)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		wrong("kubeconfig", err)
		return
	}
	began := a.now()
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		wrong("API server", err)
		return
	}
	a.kubeVersion(cluster.Where, version.GitVersion)
	if at, ok := seen.at(); ok {
		a.clock("API server's clock", began, at)
	}
	if a.pre {
		a.mayInstall(ctx, client)
		return
	}
	if !a.definitions(ctx, cluster, named) {
		return
	}
	namespace := a.fleetSync(ctx, cluster)
	if a.namespace != "" {
		namespace = a.namespace
	}
	if namespace == "" {
		return
	}
	if account := a.controller(ctx, client, namespace); account != "" {
		a.rights(ctx, client, namespace, account)
	}
	a.deliveries(ctx, cluster, namespace)
}

// serverClock keeps what the API server's clock showed first.
type serverClock struct {
	mu   sync.Mutex
	said time.Time
}

func (c *serverClock) at() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said, !c.said.IsZero()
}

func (c *serverClock) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		answer, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if at, err := http.ParseTime(answer.Header.Get("Date")); err == nil && c.said.IsZero() {
			c.said = at
		}
		return answer, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// kubeVersion holds a server to what the chart says that it is for.
func (a *run) kubeVersion(where, version string) {
	wanted, err := charts.KubeVersion()
	if err != nil {
		a.is(Failed, "API server", err)
		return
	}
	has, err := semver.NewVersion(version)
	constraint, wrong := semver.NewConstraint(wanted)
	switch {
	case err != nil || wrong != nil:
		a.warn("API server", "", "%s: nobody can tell whether version %q is in %s", where, version, wanted)
	case !constraint.Check(has):
		a.failed("API server", "upgrade Kubernetes first", "%s is Kubernetes %s, and bulla is for %s", where, version,
			strings.TrimSuffix(wanted, "-0"))
	default:
		a.ok("API server", "%s, Kubernetes %s (%s is enough)", where, version, strings.TrimSuffix(wanted, "-0"))
	}
}

// fleetSync looks at the cluster's one, and returns its namespace.
func (a *run) fleetSync(ctx context.Context, cluster *kube.Cluster) (namespace string) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	object, err := cluster.FleetSync(ctx)
	if err != nil {
		a.is(Failed, "FleetSync", err)
		return ""
	}
	sync, err := kube.Read[v1alpha1.FleetSync](object)
	if err != nil {
		a.is(Failed, "FleetSync", err)
		return object.GetNamespace()
	}
	a.ok("FleetSync", "%s/%s, cluster %q, %s", sync.Namespace, sync.Name, sync.Spec.ClusterName,
		cmp.Or(sync.Status.Head, "no head yet"))
	ready := apimeta.FindStatusCondition(sync.Status.Conditions, "Ready")
	switch {
	case sync.Spec.Suspend:
		a.warn("follows", "bulla resume fleetsync "+sync.Name, "it is suspended")
	case ready == nil:
		a.failed("follows", "does the controller run? bulla logs", "it says nothing yet")
	case ready.Status != metav1.ConditionTrue:
		a.failed("follows", manual.About(ready.Reason), "%s: %s", ready.Reason,
			ready.Message)
	default:
		a.ok("follows", "%s: %s", ready.Reason, ready.Message)
	}
	if end := sync.Status.CertificateNotAfter; end != nil && end.Time.Before(a.now()) {
		a.failed("certificate", "within the grace it renews by itself, after it a new join token is due: "+
			manual.At+"operations/certificates.md", "this cluster's ended on %s", end.UTC().Format(time.RFC3339))
	} else if end != nil {
		a.ok("certificate", "this cluster's, until %s; it renews by itself", end.UTC().Format(time.RFC3339))
	}
	if a.head != "" && sync.Status.Head != "" && !strings.HasSuffix(sync.Status.Head, a.head) {
		a.warn("head", "in a moment again, or: bulla reconcile fleetsync "+sync.Name,
			"it is not the one that the key service accepted, %s", a.head)
	}
	return object.GetNamespace()
}

// controller looks at the Deployment, and returns the account that it runs as.
func (a *run) controller(ctx context.Context, client kubernetes.Interface, namespace string) (account string) {
	list, err := client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{LabelSelector: controllerLabel})
	switch {
	case apierrors.IsForbidden(err):
		a.notAsked("controller", "ask for the right to list deployments in namespace "+namespace, "%v", err)
		return ""
	case err != nil:
		a.failed("controller", "can `kubectl` reach the cluster?", "%v", err)
		return ""
	case len(list.Items) == 0:
		a.failed("controller", "helm install the chart bulla-controller; -n names its namespace",
			"namespace %q has no Deployment with the label %s", namespace, controllerLabel)
		return ""
	}
	one := list.Items[0]
	says := one.Name + ", " + cmp.Or(one.Labels["app.kubernetes.io/version"], "no version said") + ", " + image(one)
	want := int32(1)
	if one.Spec.Replicas != nil {
		want = *one.Spec.Replicas
	}
	if one.Status.ReadyReplicas < want || want == 0 {
		a.failed("controller", "kubectl -n "+namespace+" describe deployment "+one.Name+"; bulla logs",
			"%s: %d of %d pods ready", says, one.Status.ReadyReplicas, want)
	} else {
		a.ok("controller", "%s: %s ready", says, plural.Of(int(want), "pod"))
	}
	return cmp.Or(one.Spec.Template.Spec.ServiceAccountName, "default")
}

func image(d appsv1.Deployment) string {
	if len(d.Spec.Template.Spec.Containers) == 0 {
		return "no container"
	}
	return d.Spec.Template.Spec.Containers[0].Image
}

// deliveries counts what is delivered, and names what is not.
func (a *run) deliveries(ctx context.Context, cluster *kube.Cluster, namespace string) {
	list, err := cluster.List(ctx, kube.Delivery, namespace, "")
	if err != nil {
		a.is(Failed, "deliveries", err)
		return
	}
	var unwell []string
	for i := range list.Items {
		delivery, err := kube.Read[v1alpha1.Delivery](&list.Items[i])
		if err == nil && !apimeta.IsStatusConditionTrue(delivery.Status.Conditions, "Ready") && !delivery.Spec.Suspend {
			unwell = append(unwell, list.Items[i].GetName())
		}
	}
	if len(unwell) > 0 {
		a.warn("deliveries", "bulla get deliveries --status-selector ready=false", "%d of %d not ready: %s", len(unwell),
			len(list.Items), naming.Some(unwell))
		return
	}
	a.ok("deliveries", "%d, none unwell", len(list.Items))
}

package delivery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/kustomize"
)

// An operator's object says in words of its own how it is; and what it makes is waited
// for by name.
func TestGitSaysWhenAKindOfItsOwnIsHealthy(t *testing.T) {
	w := newDeliveryWorld(t)
	crd, instance := w.definition()
	w.widenKind(instance)
	w.run()
	app := w.place("shop", instance, crd)
	app.spec.HealthCheckExprs = []api.HealthCheckExpr{{
		APIVersion: instance.GetAPIVersion(), Kind: "Widget",
		Failed: "metadata.?labels.?phase.orValue('') == 'broken'", Current: "metadata.?labels.?phase.orValue('') == 'done'",
	}}
	app.spec.HealthChecks = []api.HealthCheck{
		{APIVersion: "v1", Kind: "ConfigMap", Name: "made-of-it", Namespace: w.ns}}
	w.commit()
	says := func(reason, text string) {
		t.Helper()
		eventually(t, "the condition names "+text, func() error {
			if said := describeConditions(w.reason("shop", reason)); !strings.Contains(said, text) {
				return fmt.Errorf("it says %s", said)
			}
			return nil
		})
	}
	phase := func(phase string) {
		t.Helper()
		live := instance.DeepCopy()
		w.editAs("widget-operator", live, instance.GetName(), func(o client.Object) {
			labels := o.GetLabels()
			labels["phase"] = phase
			o.SetLabels(labels)
		})
	}
	says("Progressing", "Widget "+w.ns+"/one is InProgress: by healthCheckExprs")
	phase("broken")
	says("HealthCheckFailed", "Widget "+w.ns+"/one is Failed: by healthCheckExprs")
	phase("done")
	w.ask("shop", "look") // what is unwell is looked at twice a minute
	says("Progressing", "ConfigMap "+w.ns+"/made-of-it is NotFound")
	made := &corev1.ConfigMap{}
	made.Namespace, made.Name = w.ns, "made-of-it"
	w.must(w.client.Create(t.Context(), made))
	w.settled()

	// What Git says wrong of health keeps nothing from being applied.
	app = w.place("shop", instance, crd, w.configMap("more", "1"))
	app.spec.HealthCheckExprs = []api.HealthCheckExpr{
		{APIVersion: instance.GetAPIVersion(), Kind: "Widget", Current: "status."}}
	w.commit()
	says("InvalidCELExpression", "spec.healthCheckExprs[0].current: is not CEL at column 8")
	if !w.exists(&corev1.ConfigMap{}, "more") {
		t.Error("an expression keeps objects from being applied")
	}
	// A placement that does not wait looks at what it names, and nothing else.
	no := false
	app = w.place("shop", instance, crd, w.configMap("more", "2"))
	app.spec.HealthChecks = []api.HealthCheck{
		{APIVersion: "v1", Kind: "ConfigMap", Name: "made-next", Namespace: w.ns}}
	app.spec.Wait = &no
	w.commit()
	says("Progressing", "made-next is NotFound")
}

// What is built of a stub is judged by nobody, whatever its kind.
func TestNoExpressionSeesWhatIsBuiltOfAStub(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	app := w.place("shop", w.seal("db", map[string]string{"password": "one"}))
	app.spec.HealthCheckExprs = []api.HealthCheckExpr{
		{APIVersion: "v1", Kind: "Secret", Failed: "true", Current: "false"}}
	w.commit()
	w.settled()
}

func TestADependentWaitsAsItsReadyExprSays(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("app", w.configMap("app", "1")).spec.DependsOn = []api.PlacementReference{
		{Name: "base", ReadyExpr: "dep.metadata.?annotations.?go.orValue('') == self.metadata.name"}}
	w.place("base", w.seal("db", map[string]string{"password": "one"}))
	w.unsealer.set(true)
	w.commit()
	w.reason("base", v1alpha1.KeyServiceUnavailableReason)
	said := describeConditions(w.reason("app", "DependencyNotReady"))
	if !strings.Contains(said, "its readyExpr does not hold") {
		t.Errorf("it says %s", said)
	}
	if w.exists(&corev1.ConfigMap{}, "app") {
		t.Error("the dependent did not wait")
	}
	w.annotate("base", "go", "app")
	eventually(t, "the dependent does not wait for more than that", func() error {
		if !w.exists(&corev1.ConfigMap{}, "app") {
			return fmt.Errorf("app says %s", describeConditions(w.delivery("app")))
		}
		return nil
	})
	w.unsealer.set(false)
	w.settled()
}

// retryInterval is what Git wants; without it failures back off.
func TestAFailureIsTriedAgainWhenGitSays(t *testing.T) {
	pause := func(retry *api.Duration, result error) time.Duration {
		var again loop.Again
		placed := &kustomize.Placed{Placement: &api.Placement{Spec: api.PlacementSpec{RetryInterval: retry}}}
		end := &ending{aim: &aim.Aim{Placed: placed}, mem: &memory{}, again: &again, now: time.Now}
		return end.next(result)
	}
	waits, stalls := loop.Waiting("Any", "any"), loop.Stalled("Any", "any")
	for name, one := range map[string]struct {
		got, want time.Duration
	}{
		"a retry":            {pause(&api.Duration{Duration: 40 * time.Second}, waits), 40 * time.Second},
		"what waits for Git": {pause(&api.Duration{Duration: 40 * time.Second}, stalls), 40 * time.Second},
		"the usual retry":    {pause(nil, waits), time.Second},
		"the usual wait":     {pause(nil, stalls), slowRetry},
	} {
		if one.got < one.want*9/10 || one.got > one.want*11/10 {
			t.Errorf("%s: comes back after %s, want %s, a tenth more or less", name, one.got, one.want)
		}
	}
}

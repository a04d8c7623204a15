package fleetsync

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/fixtures/proxy"
	"github.com/bulla-dev/bulla/kustomize/source"
)

// The interval of a world is an hour: what is seen here, a change of the Secret
// alone has told.
func TestGitCredentialsThatChangeAreTriedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.synced()
	password := func(text string) {
		secret := &corev1.Secret{}
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "git"}, secret); err != nil {
			t.Fatal(err)
		}
		secret.Data["password"] = []byte(text)
		if err := w.client.Update(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	password("mistyped")
	w.eventually("the new credentials are refused", func() bool {
		return conditions.GetReason(w.get(), meta.ReadyCondition) == v1alpha1.GitOperationFailedReason
	})
	password(w.repo.Password)
	w.eventually("the mended credentials are tried", func() bool { return conditions.IsReady(w.get()) })
}

func TestTheRepositoryIsReachedThroughTheProxyOfItsSecret(t *testing.T) {
	w := bareWorld(t)
	w.allowHTTP = true // loopback is not this machine's to a proxy
	w.start()
	w.join()
	w.synced()
	forward := proxy.ForwardForTest(t, "build", "proxysecret")
	through := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "proxy"},
		StringData: map[string]string{"username": "build", "password": "proxysecret"}}
	w.create(through)
	obj := w.get()
	next := obj.DeepCopy()
	next.Spec.ProxySecretRef = &meta.LocalObjectReference{Name: "proxy"}
	if err := w.client.Patch(t.Context(), next, client.MergeFrom(obj)); err != nil {
		t.Fatal(err)
	}
	text := conditions.GetMessage(w.refused(v1alpha1.GitOperationFailedReason), meta.ReadyCondition)
	if !strings.Contains(text, `"proxy" of spec.proxySecretRef has no address`) {
		t.Errorf("without an address: %s", text)
	}
	set := func(key, text string) {
		if through.Data == nil {
			through.Data = map[string][]byte{}
		}
		through.Data[key] = []byte(text)
		if err := w.client.Update(t.Context(), through); err != nil {
			t.Fatal(err)
		}
	}
	set("address", forward.URL)
	w.eventually("the repository is looked at through the proxy", func() bool {
		return conditions.IsReady(w.get()) && forward.Passed() > 0
	})
	set("password", "mistypedsecret")
	w.eventually("the proxy refuses", func() bool { return forward.Refused() > 0 && !conditions.IsReady(w.get()) })
	if text := conditions.GetMessage(w.get(), meta.ReadyCondition); !strings.Contains(text, "407") ||
		strings.Contains(text, "secret") {
		t.Errorf("the condition says %s", text)
	}
}

func TestALookThatFailsIsTriedAgainWhenTheFleetSyncSays(t *testing.T) {
	pause := func(retry *metav1.Duration, result error) time.Duration {
		obj := &v1alpha1.FleetSync{Spec: v1alpha1.FleetSyncSpec{RetryInterval: retry,
			Interval: metav1.Duration{Duration: time.Hour}}}
		return New(Options{}).next(&pass{obj: obj}, result)
	}
	retry := &metav1.Duration{Duration: 40 * time.Second}
	waits, stalls := loop.Waiting("Any", "any"), loop.Stalled("Any", "any")
	busy := loop.Waiting("Any", "any: %w", &source.BusyError{Status: 429, After: 5 * time.Minute})
	for name, one := range map[string]struct {
		got, want time.Duration
	}{
		"a retry":                             {pause(retry, waits), 40 * time.Second},
		"a failure of another kind":           {pause(retry, errors.New("any")), 40 * time.Second},
		"what waits for a person":             {pause(retry, stalls), time.Hour},
		"a look that went well":               {pause(retry, nil), time.Hour},
		"the usual retry":                     {pause(nil, waits), time.Second},
		"a host that wants to be left alone":  {pause(retry, busy), 5 * time.Minute},
		"a retry that is none is the usual's": {pause(&metav1.Duration{}, waits), time.Second},
	} {
		if one.got < one.want*9/10 || one.got > one.want*12/10 {
			t.Errorf("%s: looks again after %s, want about %s", name, one.got, one.want)
		}
	}
}

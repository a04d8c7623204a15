package fleetsync

import (
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
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

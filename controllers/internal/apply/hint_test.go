package apply

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestAnErrorSaysWhatToDo(t *testing.T) {
	terminating := &apierrors.StatusError{ErrStatus: metav1.Status{Message: "forbidden", Details: &metav1.StatusDetails{
		Causes: []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}},
	}}}
	lacks := func(resource string) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "shop", fmt.Errorf(
			`User "system:serviceaccount:shop:deployer" cannot patch resource %q in API group "" in the namespace "shop"`, resource))
	}
	for text, err := range map[string]error{
		"hint: take the Namespace out of": lacks("namespaces"),
		"hint: give that account the":     lacks("services"),
		"hint: the webhook that converts": errors.New("conversion webhook for example.com/v1, Kind=Widget failed: connection refused"),
		"another type than its kind":      errors.New("failed to create typed patch object (ns/a; apps/v1, Kind=Deployment): .spec.replicas: expected numeric"),
		"its namespace is being deleted":  terminating,
	} {
		hinted := hinted(err)
		if !errors.Is(hinted, err) || !strings.Contains(hinted.Error(), text) {
			t.Errorf("%v does not say %q", hinted, text)
		}
	}
	admission := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web", errors.New("violates PodSecurity"))
	if hinted(admission).Error() != admission.Error() {
		t.Error("what an admission plugin refuses was taken for a right that lacks")
	}
	if plain := errors.New("something else"); hinted(plain).Error() != plain.Error() {
		t.Error("an error without a hint was changed")
	}
}

func TestAFinalizerThatHoldsAnObjectIsNamed(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if got, want := (Fate{Deleting: at, Finalizers: []string{"example.com/stuck"}}).HeldBy(),
		` (deleted 2026-01-02T03:04:05Z, held by its finalizer "example.com/stuck")`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Fate{Deleting: at}).HeldBy(); got != "" {
		t.Errorf("got %q", got)
	}
}

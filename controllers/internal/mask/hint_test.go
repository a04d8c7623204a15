package mask

import (
	"errors"
	"fmt"
	"strings"
	"testing"

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
		return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "shop",
			fmt.Errorf(`User "deployer" cannot patch resource %q in API group "" in the namespace "shop"`, resource))
	}
	for text, err := range map[string]error{
		"hint: take the Namespace out of": lacks("namespaces"),
		"hint: give that account the":     lacks("services"),
		"hint: the webhook that converts": errors.New("conversion webhook for example.com/v1, Kind=Widget failed: connection refused"),
		"another type than its kind":      errors.New("failed to create typed patch object (ns/a; apps/v1, Kind=Deployment): .spec.replicas: expected numeric"),
		"its namespace is being deleted":  terminating,
	} {
		hinted := Hinted(err)
		if !errors.Is(hinted, err) || !strings.Contains(hinted.Error(), text) {
			t.Errorf("%v does not say %q", hinted, text)
		}
	}
	admission := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web",
		errors.New("violates PodSecurity"))
	if Hinted(admission).Error() != admission.Error() {
		t.Error("what an admission plugin refuses was taken for a right that lacks")
	}
	if plain := errors.New("something else"); Hinted(plain).Error() != plain.Error() {
		t.Error("an error without a hint was changed")
	}
}

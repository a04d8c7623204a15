package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	api "github.com/bulla-dev/bulla/api/fleet"
)

var (
	// GroupVersion is the group and version of every kind in this package.
	GroupVersion = schema.GroupVersion{Group: api.Group, Version: "v1alpha1"}

	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme registers the kinds. Those for Git are in no scheme: no client of
	// a cluster has any business with them.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &FleetSync{}, &FleetSyncList{}, &Delivery{}, &DeliveryList{},
		&SealedManifest{}, &SealedManifestList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

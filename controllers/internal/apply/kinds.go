package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Kinds is what the cluster serves now.
type Kinds struct {
	reader client.Reader
	finder discovery.DiscoveryInterface
	mapper meta.RESTMapper

	looking sync.Mutex // over unseen: objects are sent side by side
	// unseen says of kinds that are not served why they may have objects.
	unseen map[schema.GroupKind]string
}

// checkScope holds an id to what the kind is on this cluster. A kind that
// is not served is a NoMatch error.
func (k *Kinds) checkScope(id ID, gvk schema.GroupVersionKind) error {
	namespaced, err := apiutil.IsGVKNamespaced(gvk, k.mapper)
	if err != nil {
		return err
	}
	if namespaced != (id.Namespace != "") {
		return &ScopeError{ID: id, Namespaced: namespaced}
	}
	return nil
}

// served are the versions in which discovery has a kind now.
func (k *Kinds) served(gk schema.GroupKind) ([]string, error) {
	if k.finder == nil {
		return nil, errors.New("nobody can be asked which versions of the kind are served")
	}
	groups, err := k.finder.ServerGroups()
	if err != nil {
		return nil, errors.New("the API server does not say which kinds it serves")
	}
	var versions []string
	for _, group := range groups.Groups {
		if group.Name != gk.Group {
			continue
		}
		for _, version := range group.Versions {
			has, err := k.serves(version.GroupVersion, gk.Kind)
			if err != nil {
				return nil, fmt.Errorf("the API server does not say what %s has", version.GroupVersion)
			}
			if has {
				versions = append(versions, version.Version)
			}
		}
	}
	return versions, nil
}

func (k *Kinds) serves(groupVersion, kind string) (bool, error) {
	resources, err := k.finder.ServerResourcesForGroupVersion(groupVersion)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool { return r.Kind == kind }), nil
}

// autoManaged marks the APIServices that the API server keeps for itself; the
// others are of servers beside it, which may be out of reach.
const autoManaged = "kube-aggregator.kubernetes.io/automanaged"

// undefined says whether a kind that is not served can have objects all the same:
// its definition stands and serves no version, or another server has its group
// and is out of reach. "" says that there are none.
func (k *Kinds) undefined(ctx context.Context, gk schema.GroupKind) string {
	definitions := &unstructured.UnstructuredList{}
	definitions.SetGroupVersionKind(crd.WithVersion("v1").GroupVersion().WithKind("CustomResourceDefinitionList"))
	if err := k.reader.List(ctx, definitions); err != nil {
		return "its kind is not served, and the definitions of kinds cannot be listed"
	}
	for _, definition := range definitions.Items {
		group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "kind")
		if group == gk.Group && kind == gk.Kind {
			return fmt.Sprintf("the definition %s serves no version", definition.GetName())
		}
	}
	services := &metav1.PartialObjectMetadataList{}
	services.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1",
		Kind: "APIServiceList"})
	if err := k.reader.List(ctx, services); err != nil && !meta.IsNoMatchError(err) {
		return "its kind is not served, and the servers of kinds cannot be listed"
	}
	for _, service := range services.Items {
		if _, own := service.Labels[autoManaged]; !own && inGroup(service.Name, gk.Group) {
			return fmt.Sprintf("the server of %s is out of reach", service.Name)
		}
	}
	return ""
}

// inGroup: an APIService is named version.group.
func inGroup(service, group string) bool {
	_, of, ok := strings.Cut(service, ".")
	return ok && group != "" && of == group
}

// whyUnseen is undefined, which every object of the kind asks: the answer is one for
// a pass.
func (k *Kinds) whyUnseen(ctx context.Context, gk schema.GroupKind) string {
	k.looking.Lock()
	defer k.looking.Unlock()
	why, known := k.unseen[gk]
	if !known {
		if k.unseen == nil {
			k.unseen = map[schema.GroupKind]string{}
		}
		why = k.undefined(ctx, gk)
		k.unseen[gk] = why
	}
	return why
}

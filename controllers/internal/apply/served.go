package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// metadata reads an object's metadata; nil when it does not exist, or its kind
// does not. A 404 is not taken for absence: it also comes from a version that is
// no longer served, and then the object is looked for in one that is. What cannot
// be looked at is an [UnseenError].
func (c *Client) metadata(ctx context.Context, id ID, gvk schema.GroupVersionKind,
) (*metav1.PartialObjectMetadata, error) {
	live, err := c.get(ctx, id, gvk)
	if !notServed(err) {
		return live, ignoreAbsent(err)
	}
	versions, err := c.served(gvk.GroupKind())
	if err != nil {
		return nil, &UnseenError{ID: id, Why: err.Error()}
	}
	for _, version := range versions {
		live, err = c.get(ctx, id, gvk.GroupKind().WithVersion(version))
		if !notServed(err) {
			return live, ignoreAbsent(err)
		}
	}
	// Every object of the kind asks this, and the answer is one for a pass.
	c.looking.Lock()
	defer c.looking.Unlock()
	if _, known := c.unseen[gvk.GroupKind()]; !known {
		if c.unseen == nil {
			c.unseen = map[schema.GroupKind]string{}
		}
		c.unseen[gvk.GroupKind()] = c.undefined(ctx, gvk.GroupKind())
	}
	if why := c.unseen[gvk.GroupKind()]; why != "" {
		return nil, &UnseenError{ID: id, Why: why}
	}
	return nil, nil
}

func (c *Client) get(ctx context.Context, id ID, gvk schema.GroupVersionKind) (*metav1.PartialObjectMetadata, error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(gvk)
	if err := c.Reader.Get(ctx, keyOf(id), live); err != nil {
		return nil, err
	}
	live.SetGroupVersionKind(gvk)
	return live, nil
}

func ignoreAbsent(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// notServed: no answer about the object, because the API server has no such
// resource; nor has the mapper, which remembers what is gone and may not know
// what came.
func notServed(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && apierrors.HasStatusCause(err,
		metav1.CauseTypeUnexpectedServerResponse)
}

// served are the versions in which discovery has a kind now.
func (c *Client) served(gk schema.GroupKind) ([]string, error) {
	if c.Finder == nil {
		return nil, errors.New("nobody can be asked which versions of the kind are served")
	}
	groups, err := c.Finder.ServerGroups()
	if err != nil {
		return nil, errors.New("the API server does not say which kinds it serves")
	}
	var versions []string
	for _, group := range groups.Groups {
		if group.Name != gk.Group {
			continue
		}
		for _, version := range group.Versions {
			has, err := c.serves(version.GroupVersion, gk.Kind)
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

func (c *Client) serves(groupVersion, kind string) (bool, error) {
	resources, err := c.Finder.ServerResourcesForGroupVersion(groupVersion)
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
func (c *Client) undefined(ctx context.Context, gk schema.GroupKind) string {
	definitions := &unstructured.UnstructuredList{}
	definitions.SetGroupVersionKind(crd.WithVersion("v1").GroupVersion().WithKind("CustomResourceDefinitionList"))
	if err := c.Reader.List(ctx, definitions); err != nil {
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
	if err := c.Reader.List(ctx, services); err != nil && !meta.IsNoMatchError(err) {
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

package check

import (
	"slices"

	"github.com/bulla-dev/bulla/kustomize"
)

// checkBinding says which accounts a RoleBinding is for that nobody makes: it gives
// nothing to anybody, and whoever makes an account of that name gets its rights.
// Accounts in namespaces that the placement does not write to are others' affair.
func (r reads) checkBinding(build *kustomize.Build, o kustomize.Object, all fleetObjects) {
	if gk := o.GroupVersionKind().GroupKind(); gk.Group != "rbac.authorization.k8s.io" ||
		gk.Kind != "RoleBinding" && gk.Kind != "ClusterRoleBinding" {
		return
	}
	spec := r.model.Placements[build.Placement].Spec
	for _, account := range accounts(o) {
		if account.Name == "default" || account.Name == spec.ServiceAccountName ||
			!slices.Contains(spec.AllNamespaces(), account.Namespace) || all.known[account] != nil {
			continue
		}
		r.warnAt(build, o, "/subjects",
			"%s is for ServiceAccount %s, which no placement makes in namespace %s: whoever makes it gets its rights; "+
				"hint: place the ServiceAccount too, or correct the name under subjects", describe(o.ID()), account.Name,
			account.Namespace)
	}
}

// accounts are the service accounts among a binding's subjects; one without a
// namespace is of the binding's own.
func accounts(o kustomize.Object) []kustomize.ObjectID {
	subjects, _ := o.Object["subjects"].([]any)
	var found []kustomize.ObjectID
	for _, s := range subjects {
		subject, _ := s.(map[string]any)
		name, _ := subject["name"].(string)
		namespace, _ := subject["namespace"].(string)
		if namespace == "" {
			namespace = o.GetNamespace()
		}
		if subject["kind"] == "ServiceAccount" && name != "" {
			found = append(found, kustomize.ObjectID{Kind: "ServiceAccount", Namespace: namespace, Name: name})
		}
	}
	return found
}

package apply

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

var (
	account = schema.GroupKind{Kind: workload.ServiceAccount}
	ingress = schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}
	gateway = schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: "Gateway"}
)

// namesNothing: objects of this kind name nothing that pods name. Large applications
// have most of these, and they are asked again for as long as a build is held.
func namesNothing(kind schema.GroupKind) bool {
	switch kind {
	case account, ingress:
		return false
	case namespace, crd:
		return true
	}
	return passive[kind] || quiet[kind]
}

// mayName: a user names objects of its own namespace, a Gateway those of others too.
func mayName(user, id ID) bool {
	return user.Namespace == id.Namespace || groupKind(user) == gateway
}

// UsersAmong gives, for each of ids that an object of inv names as it lives now, one such
// object: pods of it may come any moment. What does without it is no user. One that cannot
// be looked at may name whatever it can reach, and keeps that alone: somebody else's API
// server that is down must not keep what is revoked elsewhere. It fails where ctx ends.
func (l *Live) UsersAmong(ctx context.Context, inv inventory.Inventory, ids []ID) (map[ID]string, error) {
	users, unseen := map[ID]string{}, map[schema.GroupKind]bool{}
	var away []ID
	for _, user := range slices.SortedFunc(maps.Keys(inv), func(a, b ID) int {
		return strings.Compare(a.String(), b.String())
	}) {
		kind := groupKind(user)
		if namesNothing(kind) || slices.Contains(ids, user) ||
			!slices.ContainsFunc(ids, func(id ID) bool { return mayName(user, id) }) {
			continue
		}
		if unseen[kind] {
			away = append(away, user) // one wait for a server that does not answer is enough
			continue
		}
		names, err := l.needs(ctx, user, inv[user].Version)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			unseen[kind] = true
			away = append(away, user)
		}
		for _, id := range names {
			if users[id] == "" && slices.Contains(ids, id) {
				users[id] = inventory.Describe(user)
			}
		}
	}
	for _, user := range away {
		for _, id := range ids {
			if users[id] == "" && mayName(user, id) {
				users[id] = inventory.Describe(user) + ", which cannot be looked at now,"
			}
		}
	}
	return users, nil
}

// needs is what an object names and does not do without, as it lives now.
func (l *Live) needs(ctx context.Context, user ID, version string) ([]ID, error) {
	// A workload may carry values in its environment, and client-go logs bodies.
	ctx = logr.NewContext(ctx, logr.Discard())
	live := &unstructured.Unstructured{}
	found, err := l.look(ctx, user, groupKind(user).WithVersion(version), func(gvk schema.GroupVersionKind) error {
		live.SetGroupVersionKind(gvk)
		return l.reader.Get(ctx, keyOf(user), live)
	})
	if !found || live.GetDeletionTimestamp() != nil {
		return nil, err
	}
	var names []ID
	for _, ref := range workload.Reads(live.Object) {
		if !ref.Optional {
			names = append(names, IDOf(ref, user.Namespace))
		}
	}
	return names, nil
}

package kube

import (
	"context"
	"fmt"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/object"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/parts"
)

// Owned is one object of a Delivery's inventory.
type Owned struct {
	Group, Version, Kind, Namespace, Name string
	// Stub and Content are digests; empty for what is not sealed.
	Stub, Content string
	// Until is set once Git places it here no more: the last revision that did.
	Until string
	// Gone: it ran, ended, and does not stand any more.
	Gone bool
	// Unmade: its Delivery meant to apply it, and nothing says yet that it did.
	Unmade bool
	// Prune is what Git said of its removal, "disabled" or "force"; empty for nothing.
	Prune string
}

// String names the object: Kind/namespace/name, as Flux does.
func (o Owned) String() string {
	if o.Namespace == "" {
		return o.Kind + "/" + o.Name
	}
	return o.Kind + "/" + o.Namespace + "/" + o.Name
}

// Inventory reads what a Delivery owns. A large one is in Secrets beside it, which
// whoever asks must be allowed to read.
func (c *Cluster) Inventory(ctx context.Context, d *v1alpha1.Delivery) ([]Owned, error) {
	entries := d.Status.Inventory
	for _, digest := range d.Status.InventoryParts {
		part, err := c.part(ctx, d.Namespace, parts.SecretName(d.Name, digest), digest)
		if err != nil {
			return nil, err
		}
		entries = append(entries, part...)
	}
	owned := make([]Owned, 0, len(entries))
	for _, e := range entries {
		id, err := object.ParseObjMetadata(e.ID)
		if err != nil || id.Name == "" {
			continue // somebody else wrote it: it names nothing, as for the controller
		}
		version := e.Version
		if _, after, ok := strings.Cut(version, "/"); ok {
			version = after
		}
		owned = append(owned, Owned{
			Group: id.GroupKind.Group, Version: version, Kind: id.GroupKind.Kind, Namespace: id.Namespace, Name: id.Name,
			Stub: e.Stub, Content: e.Content, Until: e.Until, Gone: e.Run != nil && e.Run.Gone, Prune: e.Prune,
			Unmade: e.UID == "" && e.Applied == "" && e.Run == nil,
		})
	}
	return owned, nil
}

func (c *Cluster) part(ctx context.Context, namespace, name, digest string) ([]v1alpha1.InventoryEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	core, err := c.core()
	if err != nil {
		return nil, err
	}
	secret, err := core.Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fault.New(
			"the inventory is too large for the status; ask for the right to get that Secret, which holds no value",
			"read Secret %q of %s: %w", name, c.Where, err)
	}
	entries, err := parts.Unpack(parts.Part{Digest: digest, Data: secret.Data[parts.Key]})
	if err != nil {
		return nil, fmt.Errorf("read Secret %q of %s: %w", name, c.Where, err)
	}
	return entries, nil
}

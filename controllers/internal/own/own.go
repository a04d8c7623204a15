// Package own marks what the controller writes for itself.
package own

// FieldManager owns what the controller writes of its own kinds.
const FieldManager = "bulla-controller"

// managedBy marks the Secrets and Deliveries that the controller keeps for
// itself.
const (
	ManagedByLabel = "app.kubernetes.io/managed-by"
	ManagedBy      = "bulla-controller"
)

// InventoryLabel names the Delivery on the Secrets that hold what of its inventory
// is too large for a status.
const InventoryLabel = "bulla.dev/inventory"

package controllers

// FieldManager owns what the controller writes of its own kinds.
const FieldManager = "bulla-controller"

// managedBy marks the Secrets and Deliveries that the controller keeps for
// itself.
const (
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "bulla-controller"
)

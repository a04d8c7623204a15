package fleet

// HealthCheck names an object that Ready waits for, beside those that the placement
// builds: what an operator makes of one of them, for example.
type HealthCheck struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	// Namespace is one of the placement's; none for a cluster-scoped kind that
	// allow.clusterResources has.
	Namespace string `json:"namespace,omitempty"`
}

// HealthCheckExpr says in CEL how objects of a kind are, whose status does not say it
// as Kubernetes does. What is true first counts: InProgress, Failed, Current. The
// expressions see the object's fields (metadata, spec, status, data, …).
type HealthCheckExpr struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	InProgress string `json:"inProgress,omitempty"`
	Failed     string `json:"failed,omitempty"`
	Current    string `json:"current"`
}

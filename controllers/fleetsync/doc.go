// Package fleetsync is the loop that follows the fleet repository: it enrols the
// cluster, looks at the remote's head, accepts or refuses it, resolves what is
// placed here, and writes one Delivery for each placement. It is the only writer
// of what the cluster holds for accepted, and of the specs of Deliveries.
package fleetsync

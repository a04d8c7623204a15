// Package workload knows where objects keep pod templates, and what they name.
//
// It is the one list of its kind: wiring, restarts, health, pruning, the ledger
// and the checks before a merge all ask here, so that a Secret that one of them
// sees in use is in use for all. docs/reference/workloads.md says the same for
// people.
//
// Objects come as JSON has them: map[string]any, []any, string, int64, float64,
// bool. What has another type than Kubernetes gives it names nothing: the
// package reads and never writes.
package workload

// Package wire writes the Secrets that stubs say with deliverAs into the workloads
// of the same build: what a developer would otherwise write by hand, at the same
// place, before kustomize begins. So every rename, patch, component and replacement
// reaches the reference as it would reach one that was written.
//
// It is a pure function of documents, and runs where the documents are parsed: in
// the build's own process. It opens no file. [Apply] writes; [Wiring.Check] looks at
// what kustomize made of it, so that a stub's deliverAs is honoured or refused, and
// never lost on the way.
//
// What a wired entry may not do, whoever wrote it: reach a workload outside of the
// files that this build reads; reach one of another namespace; name a Secret that is
// not built beside the workload; take the place of anything that stands there.
package wire

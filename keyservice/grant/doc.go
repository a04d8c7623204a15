// Package grant is what a tree alone says of who may open what: which built objects a
// stub's digest stands for, to which of them its payloads are bound, and which lock of a
// block opens for a cluster.
//
// The key service decides with it, and `bulla plan` foretells with it, so that what a
// reviewer reads is what is opened. What no tree says is not here: whether a certificate
// is good, what operators deny, and whether the token opens the lock.
package grant

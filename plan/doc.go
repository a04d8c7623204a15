// Package plan says what a change of a fleet repository does: which clusters gain or lose
// what they may open, and through which file; which objects come, change, move and go;
// which values no lock opens where they are placed now.
//
// It needs two trees and nothing else: no cluster, no key service, no key. What a grant
// is, package keyservice/grant says, by which the key service decides; what is placed
// where and built of it, package kustomize says, in confined processes. So a plan is what
// will be decided, and no opinion about it.
//
// Texts in a plan are as the tree has them: names and errors of whoever wrote the branch.
// Package plan/render makes them harmless.
package plan

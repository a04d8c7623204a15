// Package model is what a tree says of its fleet: the clusters, the sets, which
// application goes to which cluster, and every stub.
//
// A file that cannot be used grants nothing and blocks no other.
package model

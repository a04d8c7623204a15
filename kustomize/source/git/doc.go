// Package git is a [source.Source] in Git: a bare mirror of one branch, over HTTP or
// SSH. Everything that a remote sends is a stranger's: it is bounded, hashed again and
// read strictly.
package git

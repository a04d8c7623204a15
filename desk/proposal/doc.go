// Package proposal makes a commit of files that somebody put together, and proposes it as
// a branch, with the user's own git: their name, their signature, their credentials.
//
// Nothing that they work with is touched: the commit is made of objects, over an index of
// its own, so that index, working tree and HEAD stay as they are, and hooks of a working
// tree have nothing to say. A branch is made and never moved: one that is there already
// stays what it is.
package proposal

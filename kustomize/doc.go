// Package kustomize answers one question: what does Git place where?
//
// It goes from a commit to built objects, in four steps that share no state
// but their results:
//
//   - A mirror (package source/git) is a bare copy of the fleet repository. It
//     moves forward only and treats the remote as hostile: everything it takes is
//     bounded in size, count and time. It says whether those who may signed what
//     must be signed; which of its heads counts is for package follow.
//   - A [tree.Tree] is one commit's files, strictly validated and immutable.
//     [tree.OpenDir] gives the same view of a working tree.
//   - A [model.Model] is the fleet written in a tree: clusters, sets, placements.
//     A file that does not parse grants nothing and blocks no other.
//   - A [Builder] builds a placement's folder in a process of its own, and
//     [Builder.Resolve] joins the builds of one cluster into one map from object
//     to placement. What a build gives is in package built.
//
// A build is a pure function of tree and placement. kustomize is treated as
// hostile code: it fetches URLs and runs git whatever its load restriction, it
// has no deadline, a few hundred bytes of YAML take it past any memory, and one
// build's OpenAPI schema changes the next build in the same process. So every
// build runs in a child process, the same binary re-executed by
// [MaybeRunBuildWorker]: no environment, no network, no files of its own, bounds
// on memory and time. A [Builder] that only tells, and decides nothing, may have
// builds of one tree share such a process, see [BuilderOptions.Shared]. Every file
// it wants it asks from the parent, which records the question and its answer: a
// build is repeated only when an answer changed.
//
// Both the controller and the key service call this package, so that a grant
// and an apply can never read the same tree differently. Nothing here sees a
// key: a sealed object is known by its stub's digest.
package kustomize

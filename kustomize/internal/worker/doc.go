// Package worker runs kustomize in a process of its own.
//
// kustomize is treated as hostile code, because it runs hostile input: it
// fetches URLs and runs git whatever its load restriction, it expands a few
// hundred bytes of YAML past any memory, it has no deadline, and it keeps state
// between builds. So [Build] starts this same binary again, as a worker:
//
//   - no environment, no arguments but its name, no files but two pipes;
//   - in a user and network namespace of its own, where the system permits it;
//   - on Linux under a seccomp filter that refuses sockets, files and programs;
//   - bounds on address space and CPU time, and a wall deadline that kills it;
//   - http.DefaultTransport refuses, and there is no PATH.
//
// [Shared] is a process for many builds, and says what makes up for it.
//
// Every file that kustomize wants is asked from the parent over the pipe
// ([Files]), so the parent knows all that a build depends on, and paths mean
// only what the parent says.
//
// The protocol is frames: length (4 bytes, big endian), type (1 byte), body.
// Bodies that carry structure are JSON.
package worker

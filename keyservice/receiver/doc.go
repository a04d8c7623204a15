// Package receiver hears from a forge that something was pushed.
//
// A webhook says "look now" and nothing else. Its payload is hashed for its signature
// and never parsed: which commit counts is asked of the remote, as at every other look.
// So a hook that is forged, replayed or of another repository gains at most one look,
// and looks are bounded by who makes them.
//
// What the package must bear is a stranger who can reach its port: bodies are bounded
// and streamed, few are read at a time, and secrets are compared in constant time.
package receiver

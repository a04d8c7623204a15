// Package client is the other end of the key service's protocol, for the
// controller and the command line. It builds without cgo and never sees a
// sealing key.
//
// A cluster enrols once with a [protocol.JoinToken], which carries a pin of the
// service's certificate authority: [Enroll] verifies the server's chain against
// that pin before it sends one byte of the token. Afterwards [New] makes a
// [Client] that presents the cluster's certificate and trusts that authority
// and nothing else, the system's roots included.
//
// # What an answer is
//
// [Client.Unseal] returns age stanzas that only the asking cluster's identity
// opens. It has checked that the answer carries the request's nonce (an answer
// recorded earlier is refused), the fleet of the client certificate, and one
// result for each digest asked for. It has not checked the head: the caller
// compares [Answers.Head] with its own.
//
// # Errors
//
// An error that matches [ErrUnavailable] means try again later and change
// nothing: network trouble, overload, a sick token. A [*DeniedError] means the
// service refused the caller; its Reason is one of keyservicev1's Reason
// constants. Everything else is an answer that must not be used.
package client

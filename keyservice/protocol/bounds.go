package protocol

// Bounds of requests. The service refuses what is past them, and who asks does
// not send it.
const (
	// MaxDigests is how many digests one request may name.
	MaxDigests = 1000
	// MaxStubBytes is how many bytes of stubs from the store go into one answer, or
	// come together for one Rewrap: a request may name a thousand references of 2 MiB.
	// It is more than the greatest stub, so that each comes with the first request that
	// asks for it alone, and half of what a client reads. Who asks knows each size from
	// Git.
	MaxStubBytes = 32 << 20
	// MinNonce is how long the nonce of a request is at least, in bytes.
	MinNonce = 16
	// MaxNonce is how long it is at most, in bytes.
	MaxNonce = 32
	// ChallengeSize is the size in bytes of what the service encrypts to the age
	// recipient of a cluster that enrols, to see that it has the identity.
	ChallengeSize = 32
	// MaxSecrets is how many secrets one report may have; a request's body has at
	// most 256 KiB besides.
	MaxSecrets = 1000
	// MaxWorkloads is how many workloads one secret may be said to be used by.
	MaxWorkloads = 100
	// MaxDeliveries is how many placements one report may have a word on.
	MaxDeliveries = 2000
	// MaxMessage is how long the message of one may be, in bytes.
	MaxMessage = 512
	// MaxVersion is how long the name of a build may be, in bytes.
	MaxVersion = 128
)

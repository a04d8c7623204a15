package unseal

import (
	"math"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

func checkUnseal(in *keyservicev1.UnsealRequest) (problem string) {
	switch {
	case !hexid.IsCommit(in.GetRevision()):
		return "revision is not 40 or 64 hexadecimal digits"
	case len(in.GetNonce()) < protocol.MinNonce || len(in.GetNonce()) > protocol.MaxNonce:
		return "nonce is not 16 to 32 bytes"
	case in.GetLogSize() > math.MaxInt64:
		return "log_size is out of range"
	}
	return digestsProblem(in.GetDigests())
}

func digestsProblem(digests []string) string {
	if len(digests) == 0 || len(digests) > protocol.MaxDigests {
		return "not 1 to 1000 digests"
	}
	seen := make(map[string]bool, len(digests))
	for _, digest := range digests {
		if !hexid.IsDigest(digest) || seen[digest] {
			return "a digest is not sha256: and 64 hexadecimal digits, or stands twice"
		}
		seen[digest] = true
	}
	return ""
}

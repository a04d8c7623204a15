package proposal

import (
	"strings"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// mostName is how long a name in a commit is, in bytes.
const mostName = 200

// Plain is a name as a commit can have it, in one line and without what stands around an
// address there: git's own configuration may have them, and git leaves them out too.
func Plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '<' || r == '>' {
			return -1
		}
		return r
	}, name)
	return strings.TrimSpace(printable.Line(name, mostName))
}

package check

import (
	"bytes"
	"fmt"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/likely"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

const (
	// searched is the largest file that is looked through for secrets. What people
	// write is smaller.
	searched = 1 << 20
	// toldOfFile is how many places of one file are told.
	toldOfFile = 5
)

// checkLikely looks for secrets that stand in the clear where no Secret is: a token in
// a ConfigMap, an argument, a script. The text itself is in no finding.
func (f *fleet) checkLikely() {
	for _, entry := range f.tree.Files("") {
		if entry.Size > searched || public(entry.Path) {
			continue
		}
		data, err := f.tree.ReadFile(entry.Path)
		if err != nil {
			continue
		}
		if api.ClaimsStub(data) {
			data = withoutSealed(data)
		}
		finds := likely.In(entry.Path, data)
		for _, find := range finds[:min(len(finds), toldOfFile)] {
			f.add(Finding{
				Warning: true, File: entry.Path, Line: find.Line, Column: find.Column,
				Problem: "it looks like a secret in the clear (" + find.Rule + "); hint: seal it, and change it where it is " +
					"checked, as Git keeps it; write `gitleaks:allow` into the line if it is none",
			})
		}
		if more := len(finds) - toldOfFile; more > 0 {
			f.warn(entry.Path, "%s", fmt.Sprintf("%d more places look like secrets in the clear", more))
		}
	}
}

// public files hold keys that everybody may know, and nothing else: they are parsed
// strictly.
func public(path string) bool {
	return path == tree.FleetFile || strings.HasPrefix(path, "clusters/") || strings.HasPrefix(path, "clustersets/")
}

// withoutSealed empties the lines of ciphertext, which looks like anything.
func withoutSealed(data []byte) []byte {
	var rest bytes.Buffer
	inside := false
	for line := range bytes.Lines(data) {
		text := bytes.TrimSpace(line)
		begins := bytes.Equal(text, []byte("-----BEGIN AGE ENCRYPTED FILE-----"))
		if inside || begins || bytes.HasPrefix(text, []byte("ciphertext:")) || bytes.HasPrefix(text, []byte("key:")) {
			rest.WriteByte('\n')
		} else {
			rest.Write(line)
		}
		inside = (inside || begins) && !bytes.Equal(text, []byte("-----END AGE ENCRYPTED FILE-----"))
	}
	return rest.Bytes()
}

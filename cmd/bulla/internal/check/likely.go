package check

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/likely"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// searched is the largest file that is looked through for secrets, in bytes. What people
// write is smaller.
const searched = 1 << 20

// checkLikely looks for secrets that stand in the clear where no Secret is: a token in
// a ConfigMap, an argument, a script. The text itself is in no finding.
func (f *fleet) checkLikely(ctx context.Context, clean *likely.Clean) {
	defer clean.Save()
	search := likely.New()
	for _, entry := range f.tree.Files("") {
		if entry.Size > searched || public(entry.Path) || ctx.Err() != nil {
			continue
		}
		if search.Spent() {
			f.warn(entry.Path, "from here on nothing was looked through for secrets in the clear: the files before are "+
				"full of what may be some; hint: run gitleaks")
			return
		}
		data, err := f.tree.ReadFile(entry.Path)
		if err != nil {
			continue
		}
		if clean.Has(entry.Path, data) {
			continue
		}
		text := data
		if api.ClaimsStub(data) {
			text = withoutSealed(data)
		} else if bytes.Contains(data, []byte("bitnami.com/")) {
			text = withoutSealedSecrets(data)
		}
		result := search.In(ctx, entry.Path, text)
		if ctx.Err() == nil {
			clean.Note(entry.Path, data, result)
		}
		f.likely(entry.Path, result)
	}
}

func (f *fleet) likely(path string, of likely.Result) {
	for _, find := range of.Finds {
		f.add(Finding{
			Warning: true, File: path, Line: find.Line, Column: find.Column,
			Problem: "it looks like a secret in the clear (" + find.Rule + "); hint: seal it, and change it where it is " +
				"checked, as Git keeps it; write `gitleaks:allow` into the line if it is none",
		})
	}
	if of.More {
		f.warn(path, "more places look like secrets in the clear")
	}
	if of.Long > 0 {
		f.add(Finding{
			Note: true, File: path, Line: of.Long,
			Problem: "long lines, such as this one, were not looked through for secrets in the clear",
		})
	}
	if of.Cut {
		f.warn(path, "not all of it was looked through for secrets in the clear: it is full of what may be some; "+
			"hint: run gitleaks")
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

// aSealedSecrets is a value of a SealedSecret, as kubeseal writes it: one line of base64.
var aSealedSecrets = regexp.MustCompile(`^ *[-._A-Za-z0-9]+: *"?([A-Za-z0-9+/]{256,}={0,2})"? *\r?\n?$`)

// withoutSealedSecrets empties the lines of ciphertext of SealedSecrets, by what is in
// them and not by where they stand: a token under encryptedData is still one in the
// clear. The ciphertext is the length of an RSA ciphertext in two bytes, that, and AES-GCM
// (bitnami-labs/sealed-secrets, pkg/crypto).
func withoutSealedSecrets(data []byte) []byte {
	var rest bytes.Buffer
	for line := range bytes.Lines(data) {
		if m := aSealedSecrets.FindSubmatch(line); m != nil {
			value, err := base64.StdEncoding.DecodeString(string(m[1]))
			if err == nil && sealedByRSA(value) {
				rest.WriteByte('\n')
				continue
			}
		}
		rest.Write(line)
	}
	return rest.Bytes()
}

func sealedByRSA(value []byte) bool {
	const tag = 16 // of AES-GCM
	rsa := int(binary.BigEndian.Uint16(value))
	return rsa >= 256 && rsa <= 1024 && rsa%128 == 0 && len(value) >= 2+rsa+tag
}

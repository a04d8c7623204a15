package commitsig

import (
	"bytes"
	"crypto"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/bulla-dev/bulla/fixtures/signer"
)

func armored(t testing.TB, kind string, content []byte) string {
	t.Helper()
	var text bytes.Buffer
	w := must[io.WriteCloser](t)(armor.Encode(&text, kind, nil))
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.String() + "\n"
}

// entity is an OpenPGP key, made as of a time, that lives for some seconds.
func entity(t testing.TB, made time.Time, seconds uint32) *openpgp.Entity {
	t.Helper()
	return must[*openpgp.Entity](t)(openpgp.NewEntity("Ada", "", ada, &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, KeyLifetimeSecs: seconds, Time: func() time.Time { return made },
	}))
}

func publicKey(t testing.TB, keys ...*openpgp.Entity) string {
	t.Helper()
	var content bytes.Buffer
	for _, key := range keys {
		if err := key.Serialize(&content); err != nil {
			t.Fatal(err)
		}
	}
	return armored(t, openpgp.PublicKeyType, content.Bytes())
}

type signs = func(io.Writer, *openpgp.Entity, io.Reader, *packet.Config) error

func detached(t testing.TB, how signs, key *openpgp.Entity, payload []byte, at time.Time, hash crypto.Hash) []byte {
	t.Helper()
	var content bytes.Buffer
	config := &packet.Config{DefaultHash: hash, Time: func() time.Time { return at }}
	if err := how(&content, key, bytes.NewReader(payload), config); err != nil {
		t.Fatal(err)
	}
	return content.Bytes()
}

func TestGnuPGsSignatureCounts(t *testing.T) {
	key := signer.OpenPGP(t, ada, "never")
	s := must[*Signers](t)(NewSigners(nil, []string{key.Armored}))
	raw := sign(t, key, "", unsigned())
	if who, err := verify(s, raw, time.Now()); err != nil || !strings.HasPrefix(who, ada+" ") {
		t.Fatalf("%q, %v", who, err)
	}
	for name, other := range map[string][]byte{
		"another commit": sign(t, key, "", unsigned("note x")),
		"a merged tag":   sign(t, key, "", unsigned("mergetag object x\n a")),
	} {
		moved := signer.Attach(unsigned(), gpgsig(t, other))
		if _, err := verify(s, moved, time.Now()); err == nil || !strings.Contains(err.Error(), "not over this commit") {
			t.Errorf("the signature of %s: %v", name, err)
		}
	}
}

func gpgsig(t testing.TB, raw []byte) string {
	t.Helper()
	c := must[*Commit](t)(Parse(raw))
	_, armored, err := c.Signed()
	if err != nil {
		t.Fatal(err)
	}
	return armored
}

func TestAnOpenPGPSignatureThatDoesNotCount(t *testing.T) {
	const week = 7 * 24 * 3600
	key, other, young := entity(t, now.AddDate(-1, 0, 0), 0), entity(t, now.AddDate(-1, 0, 0), 0),
		entity(t, now.AddDate(0, 0, -1), week)
	expired, revoked := entity(t, now.AddDate(0, 0, -8), week), entity(t, now.AddDate(-1, 0, 0), 0)
	commit := unsigned()
	binary := func(k *openpgp.Entity, at time.Time, hash crypto.Hash) []byte {
		return detached(t, openpgp.DetachSign, k, commit, at, hash)
	}
	before := binary(revoked, now.AddDate(0, 0, -5), crypto.SHA256)
	if err := revoked.RevokeKey(packet.KeyCompromised, "stolen",
		&packet.Config{Time: func() time.Time { return now.AddDate(0, 0, -1) }}); err != nil {
		t.Fatal(err)
	}
	s := must[*Signers](t)(NewSigners(nil,
		[]string{publicKey(t, key), publicKey(t, young), publicKey(t, expired), publicKey(t, revoked)}))
	good := binary(key, now, crypto.SHA256)
	for _, c := range []struct {
		name string
		text string
		want string
	}{
		{"a good one", armored(t, openpgp.SignatureType, good), ""},
		{"by a key that still lives", armored(t, openpgp.SignatureType, binary(young, now, crypto.SHA512)), ""},
		{"from a clock that is hours ahead",
			armored(t, openpgp.SignatureType, binary(key, now.Add(20*time.Hour), crypto.SHA256)), ""},
		{"by a key that is not listed", armored(t, openpgp.SignatureType, binary(other, now, crypto.SHA256)),
			"not an allowed signer's"},
		{"by a key that expired since",
			armored(t, openpgp.SignatureType, binary(expired, now.AddDate(0, 0, -5), crypto.SHA256)), "does not count now"},
		{"by a key that was revoked since", armored(t, openpgp.SignatureType, before), "does not count now"},
		{"from three days ahead", armored(t, openpgp.SignatureType, binary(key, now.AddDate(0, 0, 3), crypto.SHA256)),
			"does not count now"},
		{"over text, not bytes", armored(t, openpgp.SignatureType,
			detached(t, openpgp.DetachSignText, key, commit, now, crypto.SHA256)), "not a binary one"},
		{"two in one armor",
			armored(t, openpgp.SignatureType, append(bytes.Clone(good), binary(young, now, crypto.SHA256)...)), "more than one"},
		{"one that does not count before one that does",
			armored(t, openpgp.SignatureType, append(binary(other, now, crypto.SHA256), good...)), "more than one"},
		{"two armors", armored(t, openpgp.SignatureType, good) + armored(t, openpgp.SignatureType, good),
			"not one armored block"},
		{"a key instead of a signature", "-----BEGIN PGP SIGNATURE-----\n" + strings.SplitN(publicKey(t, key), "\n", 2)[1],
			"cannot be read"},
		{"over other bytes",
			armored(t, openpgp.SignatureType, detached(t, openpgp.DetachSign, key, unsigned("note x"), now, crypto.SHA256)),
			"not over this commit"},
		{"bytes that are no packet", armored(t, openpgp.SignatureType, []byte("hello")), "cannot be read"},
	} {
		_, err := verify(s, signer.Attach(commit, c.text), now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestOpenPGPKeysThatAreRefused(t *testing.T) {
	key, other := entity(t, now, 0), entity(t, now, 0)
	var private bytes.Buffer
	if err := key.SerializePrivate(&private, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "one armored block"},
		{"two keys in one block", publicKey(t, key, other), "holds 2 keys"},
		{"two blocks", publicKey(t, key) + publicKey(t, other), "one armored block"},
		{"a private key", armored(t, openpgp.PrivateKeyType, private.Bytes()), "not an armored OpenPGP public key"},
		{"a private key that says it is public", armored(t, openpgp.PublicKeyType, private.Bytes()), "private key"},
		{"a block of nothing", armored(t, openpgp.PublicKeyType, nil), "holds 0 keys"},
		{"a block that is cut", publicKey(t, key)[:200], ""},
		{"300 KiB", publicKey(t, key) + strings.Repeat("\n", 300<<10), "longer"},
	} {
		if _, err := NewSigners(nil, []string{c.text}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

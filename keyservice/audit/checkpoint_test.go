package audit_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/sealing"
)

func TestACheckpointOpensUnderItsKeyAndOriginAlone(t *testing.T) {
	origin := audit.Origin(fleet)
	signer, verifier := newLogKey(t, origin)
	stranger, _ := newLogKey(t, origin)
	witness, _ := newLogKey(t, "witness.example")
	c := numbered(t, 7).At(7)
	signed, err := audit.SignCheckpoint(c, signer)
	if err != nil {
		t.Fatal(err)
	}
	if want := origin + "\n7\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n\n— " + origin +
		" "; !strings.HasPrefix(string(signed), want) {
		t.Errorf("the note is\n%s", signed)
	}
	got, err := audit.OpenCheckpoint(signed, origin, verifier)
	if err != nil || got != c {
		t.Fatalf("opened %+v, %v", got, err)
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := note.Sign(opened, witness)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.OpenCheckpoint(cosigned, origin, verifier); err != nil {
		t.Errorf("a witness's line beside it: %v", err)
	}
	by := func(s note.Signer, text string) string {
		t.Helper()
		out, err := note.Sign(&note.Note{Text: text}, s)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	text := c.Text()
	for name, signed := range map[string]string{
		"nothing":               "",
		"another key":           by(stranger, text),
		"no signature":          text + "\n",
		"a witness alone":       by(witness, text),
		"a changed size":        strings.Replace(string(signed), "\n7\n", "\n8\n", 1),
		"another fleet's log":   by(signer, strings.Replace(text, "00112233", "ffffffff", 1)),
		"a sum database's tree": by(signer, string(tlog.FormatTree(tlog.Tree{N: 7, Hash: c.Root}))),
		"an extension line":     by(signer, text+"more\n"),
		"a line less":           by(signer, origin+"\n7\n"),
		"a size with a zero":    by(signer, strings.Replace(text, "\n7\n", "\n07\n", 1)),
		"a size with a sign":    by(signer, strings.Replace(text, "\n7\n", "\n+7\n", 1)),
		"a negative size":       by(signer, strings.Replace(text, "\n7\n", "\n-7\n", 1)),
		"a size without end":    by(signer, strings.Replace(text, "\n7\n", "\n9223372036854775807\n", 1)),
		"a root that is short":  by(signer, origin+"\n7\n"+base64.StdEncoding.EncodeToString(c.Root[:31])+"\n"),
		"a root with spaces":    by(signer, strings.TrimSuffix(text, "\n")+"\r\n"),
		"a note without end":    string(signed) + strings.Repeat("— x AAAAAAA=\n", 2000),
	} {
		if got, err := audit.OpenCheckpoint([]byte(signed), origin, verifier); !errors.Is(err, audit.ErrCheckpoint) {
			t.Errorf("%s: opens as %+v, %v", name, got, err)
		}
	}
}

func TestNoCheckpointIsSignedThatDoesNotOpen(t *testing.T) {
	signer, _ := newLogKey(t, audit.Origin(fleet))
	for name, c := range map[string]audit.Checkpoint{
		"no origin":        {Size: 1},
		"two lines":        {Origin: "a\nb", Size: 1},
		"a negative size":  {Origin: "a", Size: -1},
		"too large a size": {Origin: "a", Size: audit.MaxSize + 1},
	} {
		if signed, err := audit.SignCheckpoint(c, signer); err == nil {
			t.Errorf("%s: signed\n%s", name, signed)
		}
	}
}

func TestEveryEntryIsShownInEveryLaterLog(t *testing.T) {
	const n = 20
	m := numbered(t, n)
	for size := int64(1); size <= n; size++ {
		for index := range size {
			if err := audit.CheckInclusion(m.At(size), index, m.Leaf(index), m.Inclusion(size, index)); err != nil {
				t.Errorf("entry %d of %d: %v", index, size, err)
			}
		}
		for older := range size + 1 {
			if err := audit.CheckConsistency(m.At(older), m.At(size), m.Consistency(older, size)); err != nil {
				t.Errorf("%d to %d: %v", older, size, err)
			}
		}
	}
	if err := audit.CheckConsistency(audit.Checkpoint{}, m.At(n), nil); err != nil {
		t.Errorf("nothing seen before: %v", err)
	}
}

func TestWhatDoesNotShowAnEntry(t *testing.T) {
	m := numbered(t, 9)
	c, proof := m.At(9), m.Inclusion(9, 4)
	huge := c
	huge.Size = math.MaxInt64
	two := m.At(2) // the leaf that looks like the node above two leaves
	left, right := tlog.RecordHash(m.Leaf(0)), tlog.RecordHash(m.Leaf(1))
	node := append(left[:], right[:]...)
	two.Size = 1
	for name, err := range map[string]error{
		"an edited entry":         audit.CheckInclusion(c, 4, []byte("entry 4."), proof),
		"another entry":           audit.CheckInclusion(c, 4, m.Leaf(5), proof),
		"another index":           audit.CheckInclusion(c, 5, m.Leaf(4), proof),
		"another entry's proof":   audit.CheckInclusion(c, 4, m.Leaf(4), m.Inclusion(9, 5)),
		"a proof to another size": audit.CheckInclusion(c, 4, m.Leaf(4), m.Inclusion(8, 4)),
		"no proof":                audit.CheckInclusion(c, 4, m.Leaf(4), nil),
		"a proof with more":       audit.CheckInclusion(c, 4, m.Leaf(4), append(m.Inclusion(9, 4), proof[0])),
		"a short hash":            audit.CheckInclusion(c, 4, m.Leaf(4), append([][]byte{proof[0][:31]}, proof[1:]...)),
		"a proof without end":     audit.CheckInclusion(c, 4, m.Leaf(4), make([][]byte, 1000)),
		"an index past the end":   audit.CheckInclusion(c, 9, m.Leaf(4), proof),
		"a negative index":        audit.CheckInclusion(c, -1, m.Leaf(4), proof),
		"a log without end":       audit.CheckInclusion(huge, 4, m.Leaf(4), proof),
		"a node as an entry":      audit.CheckInclusion(two, 0, node, nil),
	} {
		if !errors.Is(err, audit.ErrInclusion) {
			t.Errorf("%s: %v, want ErrInclusion", name, err)
		}
	}
}

func TestWhatIsNotTheLogThatWasSeen(t *testing.T) {
	m := numbered(t, 9)
	fork := m.Fork(5)
	fork.Append([]byte("another entry"), m.Leaf(6), m.Leaf(7), m.Leaf(8))
	other := m.At(6)
	other.Origin = audit.Origin("another")
	huge := m.At(9)
	huge.Size = math.MaxInt64
	empty := m.At(0)
	empty.Root[0] ^= 1
	for name, err := range map[string]error{
		"an edited entry":             audit.CheckConsistency(m.At(6), fork.At(9), m.Consistency(6, 9)),
		"the fork's own proof":        audit.CheckConsistency(m.At(6), fork.At(9), fork.Consistency(6, 9)),
		"a smaller log":               audit.CheckConsistency(m.At(9), m.At(6), m.Consistency(6, 9)),
		"an empty log after one":      audit.CheckConsistency(m.At(9), m.At(0), nil),
		"two roots of one size":       audit.CheckConsistency(m.At(9), fork.At(9), nil),
		"no proof":                    audit.CheckConsistency(m.At(6), m.At(9), nil),
		"a proof between other sizes": audit.CheckConsistency(m.At(6), m.At(9), m.Consistency(7, 9)),
		"a proof with more": audit.CheckConsistency(m.At(6), m.At(9),
			append(m.Consistency(6, 9), make([]byte, 32))),
		"a proof where none is due": audit.CheckConsistency(m.At(9), m.At(9), [][]byte{make([]byte, 32)}),
		"a long hash":               audit.CheckConsistency(m.At(6), m.At(9), [][]byte{make([]byte, 33)}),
		"another log":               audit.CheckConsistency(other, m.At(9), m.Consistency(6, 9)),
		"a log without end":         audit.CheckConsistency(m.At(6), huge, m.Consistency(6, 9)),
		"an empty log with a root":  audit.CheckConsistency(empty, m.At(9), nil),
	} {
		if !errors.Is(err, audit.ErrConsistency) {
			t.Errorf("%s: %v, want ErrConsistency", name, err)
		}
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	origin := audit.Origin(fleet)
	signer, verifier := newLogKey(f, origin)
	signed, err := audit.SignCheckpoint(numbered(f, 3).At(3), signer)
	if err != nil {
		f.Fatal(err)
	}
	text, rest, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		f.Fatal("no seed")
	}
	f.Add(text+"\n", "\n"+rest)
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, rest string) {
		// Signed as it is: the parser behind the signature is what is tried.
		if again, err := note.Sign(&note.Note{Text: text}, signer); err == nil {
			c, err := audit.OpenCheckpoint(again, origin, verifier)
			if err == nil && c.Text() != text {
				t.Fatalf("%q reads as %q", text, c.Text())
			}
			if err != nil && !errors.Is(err, audit.ErrCheckpoint) {
				t.Fatal(err)
			}
		}
		if c, err := audit.OpenCheckpoint([]byte(text+rest), origin, verifier); err == nil && c.Text() != text {
			t.Fatalf("a note that nobody signed opens as %+v", c)
		}
	})
}

func TestTheLogKeyIsTheFleetsOwn(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := sealing.VerifierKey(audit.Origin(fleet), &key.PublicKey)
	verifier, err := audit.FleetVerifier(&api.FleetSpec{ID: fleet, LogKey: text})
	if err != nil || verifier.Name() != audit.Origin(fleet) {
		t.Fatalf("verifier %v, %v", verifier, err)
	}
	if _, err := audit.FleetVerifier(&api.FleetSpec{ID: fleet}); !errors.Is(err, audit.ErrNoLogKey) {
		t.Errorf("no key: %v, want ErrNoLogKey", err)
	}
	for name, spec := range map[string]api.FleetSpec{
		"another fleet's key": {ID: strings.Repeat("0", 32), LogKey: text},
		"a key of no log":     {ID: fleet, LogKey: sealing.VerifierKey("acme", &key.PublicKey)},
		"a key cut short":     {ID: fleet, LogKey: text[:len(text)-9]},
		"another hash":        {ID: fleet, LogKey: strings.Replace(text, "+", "+0", 1)},
	} {
		if _, err := audit.FleetVerifier(&spec); err == nil {
			t.Errorf("%s: is taken", name)
		}
	}
}

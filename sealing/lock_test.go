package sealing_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/sealing"
)

func classOf(err error) sealing.Class {
	if refusal := new(sealing.Error); errors.As(err, &refusal) {
		return refusal.Class
	}
	return ""
}

func TestLocksThatNeverReachTheToken(t *testing.T) {
	for _, suite := range suites {
		w := newWorld(t, suite)
		block := w.seal(t)
		for name, test := range malformedLocks(suite) {
			t.Run(string(suite)+", "+name, func(t *testing.T) {
				lock := block.Locks[0]
				test.change(&lock)
				err := sealing.CheckLock(suite, lock)
				if got := classOf(err); got != test.want {
					t.Errorf("CheckLock: class %q (%v), want %q", got, err, test.want)
				}
				if errors.Is(err, sealing.ErrOpen) != (test.want == sealing.ClassPoint) {
					t.Errorf("ErrOpen: %v", errors.Is(err, sealing.ErrOpen))
				}
				before := w.opener.Calls()
				if _, err := w.open(t, testContext(), block, lock); classOf(err) != test.want {
					t.Errorf("Unlock: %v, want class %q", err, test.want)
				}
				if calls := w.opener.Calls() - before; calls != 0 {
					t.Errorf("the token was asked %d times", calls)
				}
			})
		}
	}
}

type malformedLock struct {
	change func(*api.Lock)
	want   sealing.Class
}

// onBytes changes the decoded ciphertext.
func onBytes(change func([]byte) []byte) func(*api.Lock) {
	return func(lock *api.Lock) {
		raw, err := base64.StdEncoding.DecodeString(lock.Ciphertext)
		if err != nil {
			panic(err)
		}
		lock.Ciphertext = base64.StdEncoding.EncodeToString(change(raw))
	}
}

func malformedLocks(suite api.Suite) map[string]malformedLock {
	point := map[api.Suite]int{api.SuiteP256: 0, api.SuiteHybrid: 1088}[suite]
	at := func(change func(p []byte)) func(*api.Lock) {
		return onBytes(func(raw []byte) []byte { change(raw[point : point+sealing.PointSize]); return raw })
	}
	return map[string]malformedLock{
		"no target":                  {func(l *api.Lock) { l.Target = "" }, sealing.ClassParse},
		"a target of no kind":        {func(l *api.Lock) { l.Target = "fleet/x" }, sealing.ClassParse},
		"a target with two names":    {func(l *api.Lock) { l.Target = "set/x/y" }, sealing.ClassParse},
		"a set's lock for a cluster": {func(l *api.Lock) { l.Target = "cluster/prod-eu" }, sealing.ClassLength},
		"an empty ciphertext":        {func(l *api.Lock) { l.Ciphertext = "" }, sealing.ClassLength},
		"one byte more":              {onBytes(func(raw []byte) []byte { return append(raw, 0) }), sealing.ClassLength},
		"one byte less":              {onBytes(func(raw []byte) []byte { return raw[:len(raw)-1] }), sealing.ClassLength},
		"URL-safe base64":            {func(l *api.Lock) { l.Ciphertext = "-" + l.Ciphertext[1:] }, sealing.ClassParse},
		"a line end in the base64": {func(l *api.Lock) { l.Ciphertext = l.Ciphertext[:8] + "\n" + l.Ciphertext[8:] },
			sealing.ClassParse},
		"a line end after the base64": {func(l *api.Lock) { l.Ciphertext += "\n" }, sealing.ClassParse},
		"base64 without its padding": {func(l *api.Lock) { l.Ciphertext = strings.TrimRight(l.Ciphertext+"A", "=") },
			sealing.ClassParse},
		"a point off the curve":       {at(func(p []byte) { p[64] ^= 1 }), sealing.ClassPoint},
		"a compressed point's prefix": {at(func(p []byte) { p[0] = 2 }), sealing.ClassPoint},
		"a hybrid point's prefix":     {at(func(p []byte) { p[0] = 6 }), sealing.ClassPoint},
		"the point at infinity":       {at(func(p []byte) { clear(p) }), sealing.ClassPoint},
		"the origin":                  {at(func(p []byte) { clear(p[1:]) }), sealing.ClassPoint},
		"a coordinate beyond the field": {at(func(p []byte) {
			for i := range p[1:33] {
				p[1+i] = 0xff
			}
		}), sealing.ClassPoint},
	}
}

func TestALockOfTheOtherSuiteIsRefusedByItsLength(t *testing.T) {
	for _, suite := range suites {
		block := newWorld(t, suite).seal(t)
		for _, other := range suites {
			for _, lock := range block.Locks {
				if err := sealing.CheckLock(other, lock); (err == nil) != (other == suite) {
					t.Errorf("a lock of %s under %s: %v", suite, other, err)
				}
			}
		}
	}
	if err := sealing.CheckLock("RSA", newWorld(t, api.SuiteP256).seal(t).Locks[0]); classOf(err) != sealing.ClassParse {
		t.Errorf("an unknown suite: %v", err)
	}
}

// Nobody outside may tell a wrong binding from a bad point or a bad MAC.
func TestCryptographicRefusalsAreOneError(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	block := w.seal(t)
	elsewhere := testContext()
	elsewhere.Fleet = "6f1c0000000000000000000000000002"
	point, mac := block.Locks[0], block.Locks[0]
	onBytes(func(raw []byte) []byte { raw[1100] ^= 1; return raw })(&point)
	onBytes(func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw })(&mac)
	target := block.Locks[0]
	target.Target = "set/other"
	for name, test := range map[string]struct {
		context sealing.Context
		lock    api.Lock
		class   sealing.Class
	}{
		"binding": {elsewhere, block.Locks[0], sealing.ClassBinding},
		"point":   {testContext(), point, sealing.ClassPoint},
		"MAC":     {testContext(), mac, sealing.ClassMAC},
		"target":  {testContext(), target, sealing.ClassMAC},
	} {
		_, err := w.open(t, test.context, block, test.lock)
		if !errors.Is(err, sealing.ErrOpen) || err.Error() != sealing.ErrOpen.Error() {
			t.Errorf("%s: error %v, want the text of ErrOpen", name, err)
		}
		if got := classOf(err); got != test.class {
			t.Errorf("%s: class %q, want %q", name, got, test.class)
		}
	}
}

type brokenToken struct{}

var errToken = errors.New("token is gone")

func (brokenToken) Open(context.Context, string, []byte, []byte) ([]byte, error) {
	return nil, errToken
}

func TestTroubleOfTheTokenIsNotTheStubsFault(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	block := w.seal(t)
	_, err := softkey.Unlock(t.Context(), brokenToken{}, testContext(), block, block.Locks[0], w.suite,
		w.cluster.Recipient())
	if !errors.Is(err, errToken) || errors.Is(err, sealing.ErrOpen) || classOf(err) != "" {
		t.Errorf("error %v, want the token's own", err)
	}
}

// A key service that was tricked into another key version, or a recipient
// that is none, must stop before or at the token.
func TestUnlockRefusesOtherKeysAndRecipients(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	block := w.seal(t)
	others := softkey.NewOpener(map[string]softkey.Key{keyID: deriveKey(t, w.suite, "another key")})
	if _, err := softkey.Unlock(t.Context(), others, testContext(), block, block.Locks[0], w.suite,
		w.cluster.Recipient()); classOf(err) != sealing.ClassMAC {
		t.Errorf("another key: %v", err)
	}
	for _, recipient := range []string{"", "age1qqq", strings.ToUpper(w.cluster.Recipient()), w.key.Public.String()} {
		if _, err := softkey.Unlock(t.Context(), w.opener, testContext(), block, block.Locks[0], w.suite,
			recipient); classOf(err) != sealing.ClassParse {
			t.Errorf("recipient %.20q: %v", recipient, err)
		}
	}
	if calls := w.opener.Calls(); calls != 0 {
		t.Errorf("the token was asked %d times", calls)
	}
}

// Every inner secret that the token could give back but no honest sealer wrote.
type innerToken []byte

func (i innerToken) Open(context.Context, string, []byte, []byte) ([]byte, error) {
	return append([]byte(nil), i...), nil
}

func TestInnerSecretsThatAreRefused(t *testing.T) {
	w := newWorld(t, api.SuiteP256)
	block := w.seal(t)
	stanza, err := sealing.WrapFor(hybridRecipient(t, w.cluster), make([]byte, sealing.FileKeySize))
	if err != nil {
		t.Fatal(err)
	}
	text := string(stanza.Marshal())
	swap := func(from, to string) string { return strings.Replace(text, from, to, 1) }
	for name, test := range map[string]struct {
		lock  int
		inner string
		want  sealing.Class
	}{
		"a long file key":             {0, strings.Repeat("k", 17), sealing.ClassLength},
		"no file key":                 {0, "", sealing.ClassLength},
		"a file key for a cluster":    {1, strings.Repeat("k", 16), sealing.ClassLength},
		"a stanza of another type":    {1, swap("mlkem768x25519", "mlkem768x25518"), sealing.ClassParse},
		"a stanza with two arguments": {1, text[:30] + " " + text[31:], sealing.ClassParse},
		"a stanza with two spaces": {1, swap("-> mlkem768x25519 ", "->  mlkem768x25519")[:sealing.StanzaSize],
			sealing.ClassParse},
		"a stanza with another arrow":  {1, swap("->", "=>"), sealing.ClassParse},
		"a stanza without its end":     {1, text[:len(text)-1] + "=", sealing.ClassParse},
		"a stanza and a line":          {1, text + "\n", sealing.ClassLength},
		"a body with stray last bits":  {1, stray(text), sealing.ClassParse},
		"a line end inside the stanza": {1, text[:40] + "\n" + text[41:], sealing.ClassParse},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := softkey.Unlock(t.Context(), innerToken(test.inner), testContext(), block, block.Locks[test.lock], w.suite,
				w.cluster.Recipient())
			if got := classOf(err); got != test.want {
				t.Errorf("class %q (%v), want %q", got, err, test.want)
			}
		})
	}
}

// stray sets the unused bits of the last base64 character of the body: 32
// bytes end in a character of which two bits are unused.
func stray(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := len(text) - 2
	return text[:i] + string(alphabet[strings.IndexByte(alphabet, text[i])|1]) + "\n"
}

func TestAnswersThatAreRefusedByTheCluster(t *testing.T) {
	w := newWorld(t, api.SuiteP256)
	block := w.seal(t)
	good, err := softkey.Unlock(t.Context(), w.opener, testContext(), block, block.Locks[0], w.suite,
		w.cluster.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*sealing.Stanza)
		want   sealing.Class
	}{
		"another type":           {func(s *sealing.Stanza) { s.Type = "X25519" }, sealing.ClassParse},
		"no argument":            {func(s *sealing.Stanza) { s.Args = nil }, sealing.ClassParse},
		"two arguments":          {func(s *sealing.Stanza) { s.Args = append(s.Args, "x") }, sealing.ClassParse},
		"a short argument":       {func(s *sealing.Stanza) { s.Args[0] = s.Args[0][:8] }, sealing.ClassLength},
		"an argument not base64": {func(s *sealing.Stanza) { s.Args[0] = "=" + s.Args[0][1:] }, sealing.ClassParse},
		"a body of 33 bytes":     {func(s *sealing.Stanza) { s.Body = append(s.Body, 0) }, sealing.ClassLength},
		"no body":                {func(s *sealing.Stanza) { s.Body = nil }, sealing.ClassLength},
		"a flipped body":         {func(s *sealing.Stanza) { s.Body[0] ^= 1 }, sealing.ClassMAC},
	} {
		s := sealing.Stanza{Type: good.Type, Args: append([]string(nil), good.Args...),
			Body: append([]byte(nil), good.Body...)}
		test.change(&s)
		if _, err := sealing.OpenStanza(w.cluster, s); classOf(err) != test.want {
			t.Errorf("%s: %v, want class %q", name, err, test.want)
		}
	}
}

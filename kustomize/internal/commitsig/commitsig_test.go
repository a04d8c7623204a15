package commitsig

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/signer"
)

const (
	ada     = "ada@acme.example"
	adaLine = "Ada Developer <" + ada + "> 1790000000 +0000"
)

var (
	treeA = strings.Repeat("ab", 20)
	treeB = strings.Repeat("cd", 20)
	now   = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
)

// unsigned is a commit object with more headers after the committer.
func unsigned(headers ...string) []byte {
	lines := append([]string{"tree " + treeA, "parent " + treeB, "author " + adaLine, "committer " + adaLine}, headers...)
	return []byte(strings.Join(lines, "\n") + "\n\nchange the fleet\n")
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func sign(t testing.TB, k *signer.Key, namespace string, commit []byte) []byte {
	t.Helper()
	return signer.Attach(commit, must[string](t)(k.Sign(namespace, commit)))
}

func verify(s *Signers, raw []byte, at time.Time) (string, error) {
	c, err := Parse(raw)
	if err != nil {
		return "", err
	}
	return s.Verify(c, at)
}

// A commit that two programs could read in two ways is refused whoever signed
// it: gitsign CVE-2026-44309 and what follows from it.
func TestACommitThatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	key := signer.SSH(t, ada)
	signers := must[*Signers](t)(NewSigners([]string{key.Allowed}, nil))
	commit := unsigned()
	good := sign(t, key, "git", commit)
	if who, err := verify(signers, good, now); err != nil || !strings.HasPrefix(who, ada+" SHA256:") {
		t.Fatalf("a good commit: %q, %v", who, err)
	}
	armored := must[string](t)(key.Sign("git", commit))
	field := "gpgsig " + strings.ReplaceAll(strings.TrimSpace(armored), "\n", "\n ")
	tag := "mergetag object " + treeB + "\n type commit\n tag v1\n tagger " + adaLine + "\n \n a tag\n " +
		strings.ReplaceAll(strings.TrimSpace(armored), "\n", "\n ")
	tagOfTag := strings.Replace(tag, "type commit", "type tag", 1)
	for _, c := range []struct {
		name   string
		commit []byte
		want   string
	}{
		{"a second signature", bytes.Replace(good, []byte("\ngpgsig "), []byte("\n"+field+"\ngpgsig "), 1), `"gpgsig" twice`},
		{"the same header twice, signed so", sign(t, key, "git", unsigned("encoding UTF-8", "encoding ISO-8859-1")),
			`"encoding" twice`},
		{"a second tree, signed so", sign(t, key, "git", unsigned("tree "+treeB)), "second tree line"},
		{"a second tree before the parent, signed so",
			sign(t, key, "git", bytes.Replace(commit, []byte("\nparent"), []byte("\ntree "+treeB+"\nparent"), 1)),
			"out of order"},
		{"a parent after the committer, signed so", sign(t, key, "git", unsigned("parent "+treeA)), "second parent line"},
		{"a second author, signed so", sign(t, key, "git", unsigned("author "+adaLine)), "second author line"},
		{"a second committer, signed so", sign(t, key, "git", unsigned("committer "+adaLine)), "second committer line"},
		{"a NUL in the message, signed so",
			sign(t, key, "git", bytes.Replace(commit, []byte("change"), []byte("ch\x00nge"), 1)), "NUL"},
		{"a NUL in the header, signed so", sign(t, key, "git", unsigned("note a\x00b")), "NUL"},
		{"a signature for SHA-256 repositories beside it",
			bytes.Replace(good, []byte("\ngpgsig "), []byte("\ngpgsig-sha256 x\ngpgsig "), 1), "gpgsig-sha256"},
		{"a header that differs from the signature's in case", sign(t, key, "git", unsigned("GPGSIG x")), "GPGSIG"},
		{"a line that continues nothing, signed so", sign(t, key, "git", unsigned(" text")), "not a name and a value"},
		{"a header without a name, signed so", sign(t, key, "git", unsigned("- x")), "not a name and a value"},
		{"a header without a value, signed so", sign(t, key, "git", unsigned("note")), "not a name and a value"},
		{"a signature's header without a blank", bytes.Replace(good, []byte("\ngpgsig "), []byte("\ngpgsig\n "), 1),
			"not a name and a value"},
		{"two addresses in the committer, signed so",
			sign(t, key, "git", bytes.ReplaceAll(commit, []byte("<"+ada+">"), []byte("<"+ada+"> <root@acme.example>"))),
			"line is not NAME"},
		{"a signature in the message", append(bytes.Clone(commit), field...), "not signed"},
		{"a signature in a merged tag alone", unsigned(tag), "not signed"},
		{"a signature in a merged tag of a tag alone", unsigned(tagOfTag), "not signed"},
		{"a merged tag added after signing", bytes.Replace(good, []byte("\ngpgsig "), []byte("\n"+tag+"\ngpgsig "), 1),
			"not over this commit"},
		{"a header added after signing", bytes.Replace(good, []byte("\ngpgsig "), []byte("\nnote x\ngpgsig "), 1),
			"not over this commit"},
		{"another tree under the signature", bytes.Replace(good, []byte(treeA), []byte(treeB), 1), "not over this commit"},
		{"another parent under the signature", bytes.Replace(good, []byte("parent "+treeB), []byte("parent "+treeA), 1),
			"not over this commit"},
		{"another message under the signature", bytes.Replace(good, []byte("change the"), []byte("change my"), 1),
			"not over this commit"},
		{"a blank at the end of the message", append(bytes.Clone(good), '\n'), "not over this commit"},
		{"a signature in the namespace of files", sign(t, key, "file", commit), `namespace "file"`},
		{"two armored blocks", signer.Attach(commit, armored+armored), "not one armored block"},
		{"text after the armor", signer.Attach(commit, armored+"more\n"), "not one armored block"},
		{"text before the armor", signer.Attach(commit, "more\n"+armored), "no SSH or OpenPGP signature"},
		{"an X.509 signature", signer.Attach(commit, "-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n"),
			"X.509"},
		{"an armor that is cut", signer.Attach(commit, armored[:len(armored)/2]), "not one armored block"},
		{"a signature of 20 KiB", signer.Attach(commit, armored+strings.Repeat("A", 20<<10)), "longer than"},
		{"no signature", commit, "not signed"},
	} {
		if who, err := verify(signers, c.commit, now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: signed by %q, %v; want %q", c.name, who, err, c.want)
		}
	}
	if _, err := verify(signers, commit, now); !errors.Is(err, ErrUnsigned) {
		t.Errorf("no signature: %v, want ErrUnsigned", err)
	}
	for name, headers := range map[string][]string{
		"merged tags": {tag, tagOfTag}, "an unknown header": {"change-id abc"}, "an encoding": {"encoding ISO-8859-1"},
	} {
		if _, err := verify(signers, sign(t, key, "git", unsigned(headers...)), now); err != nil {
			t.Errorf("%s under the signature: %v", name, err)
		}
	}
}

func TestASignerCountsAsTheLineSays(t *testing.T) {
	key, other := signer.SSH(t, ada), signer.SSH(t, ada)
	raw := sign(t, key, "git", unsigned())
	public := strings.TrimPrefix(key.Allowed, ada+" ")
	for _, c := range []struct {
		name, line, want string
	}{
		{"the signer's own line", key.Allowed, ""},
		{"a pattern", "*@acme.example " + public, ""},
		{"one of several principals", "bob@acme.example,a?a@acme.example " + public, ""},
		{"principals in quotes", `"ada@acme.example" ` + public, ""},
		{"another signer's line", other.Allowed, "not an allowed signer"},
		{"another address", "bob@acme.example " + public, "line is for"},
		{"a pattern that leaves it out", "*@acme.example,!ada@* " + public, "line is for"},
		{"an address in other letters", "Ada@acme.example " + public, "line is for"},
		{"namespace git", ada + ` namespaces="file,git" ` + public, ""},
		{"namespaces by pattern", ada + ` namespaces="g*" ` + public, ""},
		{"another namespace", ada + ` namespaces="file" ` + public, `namespace "git"`},
		{"valid for years", ada + ` valid-after="20260101Z",valid-before="20270101Z" ` + public, ""},
		{"valid up to this second", ada + ` valid-before="20261122050000Z" ` + public, "not valid now"},
		{"valid from this second", ada + ` valid-after="20261122050000Z" ` + public, ""},
		{"expired", ada + ` valid-before="20261121Z" ` + public, "not valid now"},
		{"not yet valid", ada + ` valid-after="202611220501Z" ` + public, "not valid now"},
	} {
		s := must[*Signers](t)(NewSigners([]string{c.line}, nil))
		_, err := verify(s, raw, now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	both := must[*Signers](t)(NewSigners([]string{ada + ` valid-before="20260101Z" ` + public, other.Allowed,
		key.Allowed}, nil))
	if _, err := verify(both, raw, now); err != nil {
		t.Errorf("one of two lines of a key allows it: %v", err)
	}
	if _, err := verify(&Signers{}, raw, now); err == nil {
		t.Error("signed by somebody, though nobody is a signer")
	}
}

// The date in the commit is the signer's word: a thief of an expired key writes
// the one he needs.
func TestACommitDatedBackDoesNotReviveAnExpiredSigner(t *testing.T) {
	key := signer.SSH(t, ada)
	old := bytes.ReplaceAll(unsigned(), []byte("1790000000"), []byte("1600000000"))
	s := must[*Signers](t)(NewSigners([]string{strings.Replace(key.Allowed, ada+" ", ada+` valid-before="20210101Z" `,
		1)}, nil))
	if _, err := verify(s, sign(t, key, "git", old), now); err == nil || !strings.Contains(err.Error(), "not valid now") {
		t.Errorf("a commit that says it is of 2020: %v", err)
	}
}

func TestLinesThatAreRefused(t *testing.T) {
	key := signer.SSH(t, ada)
	public := strings.TrimPrefix(key.Allowed, ada+" ")
	kind, data, _ := strings.Cut(strings.TrimSuffix(public, " "+ada), " ")
	for _, c := range []struct{ name, line, want string }{
		{"nothing", "  ", "no key"},
		{"a comment", "# " + key.Allowed, "no key"},
		{"two lines", key.Allowed + "\n" + key.Allowed, "more than one line"},
		{"no principal", `"" ` + public, "no principal"},
		{"no key", ada, "no key"},
		{"no principals but a key", public, "no key"},
		{"another type before the key", ada + " ssh-rsa " + data, "no key"},
		{"a key that is cut", ada + " " + kind + " " + data[:20], "no key"},
		{"a certificate authority", ada + " cert-authority " + public, "not supported"},
		{"a certificate authority in capitals", ada + ` CERT-AUTHORITY,namespaces="git" ` + public, "not supported"},
		{"an unknown option", ada + " no-touch-required " + public, "unknown option"},
		{"an option of authorized_keys", ada + ` command="true" ` + public, "unknown option"},
		{"an option twice", ada + ` namespaces="git",namespaces="file" ` + public, "twice"},
		{"an option without quotes", ada + ` namespaces=git ` + public, "double quotes"},
		{"an empty option", ada + ` namespaces="git", ` + public, "empty option"},
		{"no namespace", ada + ` namespaces="" ` + public, "without a name"},
		{"a time without a zone", ada + ` valid-before="20270101" ` + public, "time zone"},
		{"a day that is not", ada + ` valid-before="20270230Z" ` + public, "YYYYMMDDZ"},
		{"a span of no time", ada + ` valid-after="20270101Z",valid-before="20260101Z" ` + public, "never valid"},
		{"a quote that does not end", `"ada@acme.example ` + public, "does not end"},
		{"a weak RSA key", ada +
			" ssh-rsa " +
			"AAAAB3NzaC1yc2EAAAADAQABAAAAgQC2oRH9ISFaddVieKOprPN/wuQDhuNKsI1RRKDyefQf1H9/uNvRq7vptr9qnh" +
			"GabPErPOmQjV5SsRw8br+Dw39VgURTqmzMc/aWGMVxsXdjbM0Wb3KBppO3HrURjtG2vtb1KSq0TjJ6jRaeeVzWxX0l" +
			"VwpOd0hFK5CiAwrJd4X20Q==", "1024 bits"},
	} {
		s, err := NewSigners([]string{key.Allowed, c.line}, nil)
		var line *LineError
		if !errors.As(err, &line) || line.Index != 1 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v; want %q", c.name, s, err, c.want)
		}
	}
}

// What ssh-keygen itself says of the same line, signature and address.
func TestLinesCountAsTheyDoForOpenSSH(t *testing.T) {
	key := signer.SSH(t, ada)
	commit := unsigned()
	signature := must[string](t)(key.Sign("git", commit))
	raw := signer.Attach(commit, signature)
	public := strings.TrimPrefix(key.Allowed, ada+" ")
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, line := range []string{
		key.Allowed, "*@acme.example " + public, "bob@acme.example,a?a@* " + public, `"ada@acme.example" ` + public,
		"!ada@acme.example,* " + public, "*,!ada@acme.example " + public, "Ada@acme.example " + public, "ada " + public,
		ada + ` namespaces="git" ` + public, ada + ` NAMESPACES="file,g*" ` + public, ada + ` namespaces="file" ` + public,
		ada + ` namespaces="!git,*" ` + public, ada + ` valid-before="20200101Z" ` + public, ada +
			` valid-after="20200101Z" ` + public,
		ada + ` valid-after="202001010000Z",valid-before="20300101000000Z",namespaces="git" ` + public,
		ada + ` valid-after="20300101Z" ` + public, ada + ` unknown ` + public, "\t " + ada + "\t" + public, ada,
	} {
		cmd := exec.Command("ssh-keygen", "-q", "-Y", "verify", "-f", file("allowed", line+"\n"), "-I", ada, "-n", "git",
			"-s", file("sig", signature))
		cmd.Stdin = bytes.NewReader(commit)
		theirs := cmd.Run() == nil
		signers, err := NewSigners([]string{line}, nil)
		if err == nil {
			_, err = verify(signers, raw, time.Now())
		}
		if ours := err == nil; ours != theirs {
			t.Errorf("%q: ssh-keygen says %v, and here it is %v", line, theirs, err)
		}
	}
}

func TestMatchingPatternsIsBounded(t *testing.T) {
	if matchPattern(strings.Repeat("a", 1000)+"b", strings.Repeat("*a", 500)+"c") {
		t.Error("matched")
	}
	for _, c := range []struct {
		name, list string
		want       bool
	}{
		{"git", "*", true}, {"git", "g?t", true}, {"git", "?", false}, {"", "*", true}, {"", "?", false}, {"", "", true},
		{"git", "", false}, {"git", "!git,*", false}, {"git", "*,!git", false}, {"git", "!file", false},
		{"a*b", "a*b", true}, {"abcb", "a*b", true},
	} {
		if got := matchList(c.name, c.list); got != c.want {
			t.Errorf("%q in %q: %v", c.name, c.list, got)
		}
	}
}

// FuzzCommit: no panic; what is signed and the signature are the whole object,
// and both name the same tree and parents.
func FuzzCommit(f *testing.F) {
	seeds := [][]byte{unsigned(), unsigned("encoding x", "mergetag object\n a\n  b"),
		unsigned("gpgsig a\n b\n \n c", "note d"), []byte("tree " + treeA), []byte("\n\n")}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, seed := range seeds {
		f.Add(seed)
	}
	signers, err := NewSigners(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Parse(raw)
		if err != nil {
			return
		}
		if who, err := signers.Verify(c, now); err == nil {
			t.Fatalf("signed by %q, though nobody is a signer", who)
		}
		payload, _, err := c.Signed()
		if err != nil {
			return
		}
		at := bytes.Index(raw, []byte("\ngpgsig ")) + 1
		if len(payload) >= len(raw) || !bytes.HasPrefix(raw, payload[:at]) || !bytes.HasSuffix(raw, payload[at:]) {
			t.Fatalf("signed bytes are not those of the object:\n%q\n%q", raw, payload)
		}
		again, err := Parse(payload)
		if err != nil || again.Tree != c.Tree || fmt.Sprint(again.Parents) != fmt.Sprint(c.Parents) ||
			again.Committer() != c.Committer() {
			t.Fatalf("signed bytes name another commit: %+v, %v", again, err)
		}
	})
}

// FuzzAllowedSigners: no panic; an entry that is read has a key of a known type.
func FuzzAllowedSigners(f *testing.F) {
	key := signer.SSH(f, ada)
	public := strings.TrimPrefix(key.Allowed, ada+" ")
	seeds := []string{
		key.Allowed, "*," + key.Allowed, `"a b" namespaces="git",valid-after="20260101Z" ` + public,
		ada + ` valid-before="202601010000Z" ` + public, ada + " cert-authority " + public, "# x", `a "`, `a b="\"," c`,
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, seed := range seeds {
		f.Add(seed, ada)
	}
	f.Fuzz(func(t *testing.T, line, name string) {
		a, err := parseAllowed(line)
		if err != nil {
			return
		}
		if a.key == nil || a.checkKey() != nil || a.principals == "" {
			t.Fatalf("%q is read as %+v", line, a)
		}
		matchList(name, a.principals)
	})
}

package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
)

// recorded is a log of n entries, a minute apart.
func recorded(t testing.TB, n int) *auditlog.Log {
	log := auditlog.New(t, fleet)
	for i := range n {
		log.Record(nth(i))
	}
	return log
}

func nth(i int) audit.Entry {
	return audit.Entry{Time: someTime.Add(time.Duration(i) * time.Minute), Kind: audit.Unseal, Outcome: "Granted",
		Fleet:   fleet,
		Cluster: "prod-eu", Digest: fmt.Sprintf("sha256:%064d", i), Object: "shop/db"}
}

// export writes the entries, and a checkpoint after each of the sizes.
func export(log *auditlog.Log, sizes ...int64) string {
	var b []byte
	at := int64(0)
	for _, size := range sizes {
		for ; at < size; at++ {
			b = audit.AppendEntry(b, at, log.Leaf(at))
		}
		b = audit.AppendCheckpoint(b, log.Signed(size))
	}
	return string(b)
}

func verify(t testing.TB, log *auditlog.Log, text string) *audit.Verified {
	t.Helper()
	v, err := audit.VerifyExport(strings.NewReader(text), audit.Origin(fleet), log.Verifier(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAnExportOfAnHonestLogIsWithoutFindings(t *testing.T) {
	log := recorded(t, 12)
	for _, sizes := range [][]int64{{0}, {1}, {12}, {3, 7, 12}, {5, 5, 12}} {
		var read []audit.Entry
		v, err := audit.VerifyExport(strings.NewReader(export(log, sizes...)), audit.Origin(fleet), log.Verifier(),
			func(index int64, e audit.Entry) {
				if index != int64(len(read)) {
					t.Errorf("entry %d is read as %d", len(read), index)
				}
				read = append(read, e)
			})
		last := sizes[len(sizes)-1]
		if err != nil || len(v.Findings) > 0 || len(v.Checkpoints) != len(sizes) || int64(len(read)) != last ||
			v.Checkpoints[len(sizes)-1] != log.At(last) {
			t.Errorf("%v: %d entries, %d checkpoints, findings %v, %v", sizes, len(read), len(v.Checkpoints), v.Findings, err)
		}
	}
}

// vector is an export, the entries that a finding is about, and its words.
type vector struct {
	text        string
	first, last int64
	want        string
}

// A vector is one thing done to an honest export. What is said names the entries
// from first to last.
// tampered are exports of a log of nine entries, each with one thing done to it.
func tampered(t *testing.T, log *auditlog.Log) map[string]vector {
	lines := strings.SplitAfter(export(log, 4, 9), "\n") // 0-3, a checkpoint, 4-8, a checkpoint
	lines = lines[:len(lines)-1]
	entry := func(i int) int { // the line of an entry
		if i < 4 {
			return i
		}
		return i + 1
	}
	edited := func(i int) []byte { return bytes.Replace(log.Leaf(int64(i)), []byte("prod-eu"), []byte("prod-us"), 1) }
	with := func(change func(l []string) []string) string {
		return strings.Join(change(append([]string{}, lines...)), "")
	}
	set := func(i int, line string) func([]string) []string {
		return func(l []string) []string { l[entry(i)] = line; return l }
	}
	shifted := func(drop int, l []string) []string { // one entry dropped, the rest renumbered
		out, n := []string{}, int64(0)
		for i := range int64(9) {
			if i == 4 {
				out = append(out, l[4])
			}
			if i != int64(drop) {
				out, n = append(out, string(audit.AppendEntry(nil, n, log.Leaf(i)))), n+1
			}
		}
		return append(out, l[10])
	}
	fork := log.Fork(6)
	for i := 6; i < 9; i++ {
		fork.Append(edited(i))
	}
	stranger := auditlog.New(t, fleet)
	for i := range int64(9) {
		stranger.Append(log.Leaf(i))
	}
	return map[string]vector{
		"an entry is edited": {with(set(6, strings.Replace(lines[entry(6)], "prod-eu", "prod-us", 1))), 6,
			6, "entry 6 was changed"},
		"an entry is edited with its hash": {with(set(6, string(audit.AppendEntry(nil, 6, edited(6))))), 4, 8,
			"not those that the checkpoint"},
		"an early one is edited with its hash": {with(set(2, string(audit.AppendEntry(nil, 2, edited(2))))), 0, 3,
			"not those that the checkpoint"},
		"an entry is dropped": {with(func(l []string) []string { return append(l[:7], l[8:]...) }), 6, 6,
			"entry 6 is missing"},
		"three are dropped": {with(func(l []string) []string { return append(l[:5], l[8:]...) }), 4, 6,
			"entries 4 to 6 are missing"},
		"one is dropped, the rest renumbered": {with(func(l []string) []string { return shifted(6, l) }), 8, 8,
			"entry 8 is missing"},
		"two are swapped": {with(func(l []string) []string { l[6], l[7] = l[7], l[6]; return l }), 5, 5,
			"entry 5 is missing before"},
		"two are swapped and renumbered": {with(func(l []string) []string {
			l[6], l[7] = string(audit.AppendEntry(nil, 5, log.Leaf(6))), string(audit.AppendEntry(nil, 6, log.Leaf(5)))
			return l
		}), 6, 6, "before the one that it follows"},
		"an entry stands twice": {with(func(l []string) []string { return append(l[:7], l[6:]...) }), 5,
			5, "out of order, or twice"},
		"the end is cut off": {with(func(l []string) []string { return l[:8] }), 7, -1,
			"no checkpoint follows entry 6"},
		"the last line is cut": {strings.TrimSuffix(strings.Join(lines, ""), "\"}\n"), 9, 9,
			"line 11 is cut off"},
		"entries before the last checkpoint are cut": {with(func(l []string) []string { return append(l[:8], l[10]) }), 7, 8,
			"entries 7 to 8 are missing"},
		"everything is cut": {"", 0, -1, "no checkpoint"},
		"an entry is put in": {with(func(l []string) []string {
			return append(l[:10:10], string(audit.AppendEntry(nil, 9, nth(9).Marshal())), l[10])
		}), 9, 9, "entry 9 is not in the log of 9 entries"},
		"a checkpoint of a fork": {with(func(l []string) []string {
			l[10] = string(audit.AppendCheckpoint(nil, fork.Signed(9)))
			return l
		}), 4, 8, "not those that the checkpoint"},
		"a checkpoint under another key": {with(func(l []string) []string {
			l[10] = string(audit.AppendCheckpoint(nil, stranger.Signed(9)))
			return l
		}), 9, -1, "not a checkpoint of this audit log"},
		"a line that is no entry": {with(set(6, "{}\n")), 6, 6, "line 8"},
		"an entry with a space": {with(set(6, strings.Replace(lines[entry(6)], `,"fleet"`, `, "fleet"`, 1))), 6, 6,
			"entry 6"},
		"a line with a space": {with(set(6, strings.Replace(lines[entry(6)], `,"hash"`, `, "hash"`, 1))), 6, 6, "line 8"},
		"a line with more": {with(set(6, strings.Replace(lines[entry(6)], `,"hash"`, `,"more":1,"hash"`, 1))), 6, 6,
			"line 8"},
		"a line without end": {with(set(6, strings.Repeat(" ", 1<<20)+"\n")), 6, 6, "line 8 has more than"},
	}
}

func TestWhatWasDoneToAnExportIsTold(t *testing.T) {
	log := recorded(t, 9)
	vectors := tampered(t, log)
	if *update {
		writeVectors(t, log, vectors)
	}
	for name, c := range vectors {
		t.Run(name, func(t *testing.T) {
			v := verify(t, log, c.text)
			if len(v.Findings) == 0 {
				t.Fatal("no findings")
			}
			if f := v.Findings[0]; f.First != c.first || f.Last != c.last || !strings.Contains(f.Text, c.want) {
				t.Errorf("entries %d to %d: %s; want %d to %d, %q", f.First, f.Last, f, c.first, c.last, c.want)
			}
		})
	}
}

// A service that has the key can sign anything; what no honest one records is
// told all the same.
func TestASignedLogOfWrongEntriesIsTold(t *testing.T) {
	other, earlier := nth(3), nth(3)
	other.Fleet = strings.Repeat("0", 32)
	earlier.Time = someTime
	for want, leaf := range map[string][]byte{
		"is of fleet":               other.Marshal(),
		"before the one":            earlier.Marshal(),
		"it is not in canonical":    bytes.Replace(nth(3).Marshal(), []byte(`,"fleet"`), []byte(`, "fleet"`), 1),
		"not an entry of the audit": []byte(`{"a":1}`),
	} {
		log := recorded(t, 3)
		log.Append(leaf)
		v := verify(t, log, export(log, 4))
		if len(v.Findings) != 1 || v.Findings[0].First != 3 || !strings.Contains(v.Findings[0].Text, want) {
			t.Errorf("%s: findings %v", want, v.Findings)
		}
	}
}

func TestTwoExportsAreOfOneLogOrAFork(t *testing.T) {
	log := recorded(t, 9)
	whole, part := verify(t, log, export(log, 9)), verify(t, log, export(log, 4))
	bare := verify(t, log, export(log.Fork(0), 0))
	bare.Checkpoints = []audit.Checkpoint{log.At(6)}
	for name, pair := range map[string][2]*audit.Verified{
		"the same":            {whole, whole},
		"a longer one":        {part, whole},
		"a checkpoint alone":  {bare, whole},
		"a later checkpoint":  {bare, part},
		"nothing but a start": {verify(t, log, export(log, 0)), whole},
	} {
		if f := audit.CompareExports(pair[0], pair[1]); len(f) != 0 {
			t.Errorf("%s: %v", name, f)
		}
		if f := audit.CompareExports(pair[1], pair[0]); len(f) != 0 {
			t.Errorf("%s, the other way round: %v", name, f)
		}
	}
	fork := log.Fork(6)
	fork.Record(nth(60), nth(70), nth(80))
	forked := verify(t, log, export(fork, 9))
	bare.Checkpoints = []audit.Checkpoint{fork.At(8)}
	for name, c := range map[string]struct {
		a, b  *audit.Verified
		first int64
	}{
		"two exports":              {whole, forked, 6},
		"the other way round":      {forked, whole, 6},
		"a checkpoint of the fork": {whole, bare, 0},
	} {
		if f := audit.CompareExports(c.a, c.b); len(f) == 0 || f[0].First != c.first || !strings.Contains(f[0].Text, "fork") {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestATreeOfManyLeavesKeepsFewHashes(t *testing.T) {
	const n = 10_000
	var tree audit.Tree
	log := auditlog.New(t, fleet)
	for i := range n {
		leaf := fmt.Appendf(nil, "entry %d", i)
		log.Append(leaf)
		tree.Add(tlog.RecordHash(leaf))
		if i%977 == 0 && tree.Root() != log.At(int64(i)+1).Root {
			t.Fatalf("another root at %d", i+1)
		}
	}
	if tree.Size() != n || tree.Root() != log.At(n).Root {
		t.Error("another root at the end")
	}
	if _, err := tree.ReadHashes([]int64{0}); err == nil {
		t.Error("the first leaf is still kept")
	}
}

func FuzzVerifyExport(f *testing.F) {
	log := recorded(f, 5)
	good := export(log, 2, 5)
	if v := verify(f, log, good); len(v.Findings) > 0 {
		f.Fatal("the seed does not verify")
	}
	f.Add([]byte(good))
	f.Add([]byte("{}\n"))
	verifier := log.Verifier()
	f.Fuzz(func(t *testing.T, data []byte) {
		entries := 0
		v, err := audit.VerifyExport(bytes.NewReader(data), audit.Origin(fleet), verifier,
			func(int64, audit.Entry) { entries++ })
		if err != nil && !errors.Is(err, audit.ErrExport) {
			t.Fatal(err)
		}
		// Nobody has the key: what is without findings is a part of the one log.
		if err == nil && len(v.Findings) == 0 && entries != 0 && entries != 2 && entries != 5 {
			t.Fatalf("%d entries without findings", entries)
		}
	})
}

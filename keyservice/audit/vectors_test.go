package audit_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/sealing"
)

var update = flag.Bool("update", false, "write testdata/export anew, under a key that is thrown away")

const vectorFolder = "testdata/export"

// written is the vectors as files, for other implementations.
type written struct {
	// Key is the log's verifier key.
	Key string `json:"key"`
	// Honest is an export that verifies, with its entries.
	Honest  string `json:"honest"`
	Entries int64  `json:"entries"`
	Wrong   []struct {
		File string `json:"file"`
		// First and Last are the entries that the first finding is about; Last is -1
		// for none.
		First int64 `json:"first"`
		Last  int64 `json:"last"`
	} `json:"wrong"`
}

func writeVectors(t *testing.T, log *auditlog.Log, vectors map[string]vector) {
	t.Helper()
	if err := os.RemoveAll(vectorFolder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(vectorFolder, 0o755); err != nil {
		t.Fatal(err)
	}
	index := written{Key: log.VerifierKey(), Honest: "honest.jsonl", Entries: 9}
	put := func(file, text string) {
		if err := os.WriteFile(filepath.Join(vectorFolder, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(index.Honest, export(log, 4, 9))
	for _, name := range slices.Sorted(maps.Keys(vectors)) {
		v := vectors[name]
		if len(v.text) > 1<<16 {
			continue // made of one character
		}
		file := strings.ReplaceAll(strings.ReplaceAll(name, ",", ""), " ", "-") + ".jsonl"
		put(file, v.text)
		index.Wrong = append(index.Wrong, struct {
			File  string `json:"file"`
			First int64  `json:"first"`
			Last  int64  `json:"last"`
		}{file, v.first, v.last})
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	put("index.json", string(data)+"\n")
}

func TestExportVectors(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(vectorFolder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index written
	if err := json.Unmarshal(data, &index); err != nil {
		t.Fatal(err)
	}
	verifier, err := sealing.NewVerifier(index.Key)
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) *audit.Verified {
		t.Helper()
		file, err := os.Open(filepath.Join(vectorFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		v, err := audit.VerifyExport(file, audit.Origin(fleet), verifier, nil)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := read(index.Honest); len(v.Findings) > 0 || int64(len(v.Leaves)) != index.Entries {
		t.Errorf("%s: %d entries, findings %v", index.Honest, len(v.Leaves), v.Findings)
	}
	if len(index.Wrong) < 20 {
		t.Fatalf("%d vectors", len(index.Wrong))
	}
	for _, w := range index.Wrong {
		if v := read(w.File); len(v.Findings) == 0 || v.Findings[0].First != w.First || v.Findings[0].Last != w.Last {
			t.Errorf("%s: findings %v, want entries %d to %d", w.File, v.Findings, w.First, w.Last)
		}
	}
}

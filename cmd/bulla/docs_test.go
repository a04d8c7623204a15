package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/api/fault"
)

func TestTheReferenceIsFresh(t *testing.T) {
	const file = "../../docs/reference/cli.md"
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"bulla", "docs"}, strings.NewReader(""), &out, &errs); code != fault.OK {
		t.Fatalf("bulla docs: exit code %d: %s", code, errs.String())
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s is stale; go run ./cmd/bulla docs >docs/reference/cli.md (-have +want):\n%s", file, diff)
	}
}

func TestEachCommandHasAManPage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1764374400")
	pages := func() map[string]string {
		folder := t.TempDir()
		var out, errs bytes.Buffer
		if code := run([]string{"bulla", "docs", "--man", folder}, strings.NewReader(""), &out, &errs); code != fault.OK {
			t.Fatalf("bulla docs --man: exit code %d: %s", code, errs.String())
		}
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{}
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(folder, file.Name()))
			if err != nil {
				t.Fatal(err)
			}
			texts[file.Name()] = string(text)
		}
		return texts
	}
	have := pages()
	if diff := cmp.Diff(have, pages()); diff != "" {
		t.Errorf("written twice, they differ:\n%s", diff)
	}
	if page := have["bulla-cluster-add.1"]; !strings.Contains(page, ".TH \"BULLA-CLUSTER-ADD\" \"1\"") ||
		!strings.Contains(page, "--enrolled") {
		t.Errorf("the page of bulla cluster add is not one:\n%s", page)
	}
	if _, hidden := have["bulla-docs.1"]; hidden {
		t.Error("a hidden command has a page")
	}
}

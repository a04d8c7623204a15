package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/cmd/internal/fault"
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

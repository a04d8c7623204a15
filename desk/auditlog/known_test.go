package auditlog_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/desk/auditlog"
)

const repo = "../.."

// sources returns the text of the Go files, without tests, of the folders.
func sources(t *testing.T, folders ...string) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(repo, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	return all.String()
}

func TestEachKindThatIsRecordedIsKnown(t *testing.T) {
	var kinds []string
	for _, c := range regexp.MustCompile(`(?m)^\t\w+ +Kind = "(\w+)"`).FindAllStringSubmatch(sources(t,
		"keyservice/audit"), -1) {
		kinds = append(kinds, c[1])
	}
	slices.Sort(kinds)
	if len(kinds) < 13 || !slices.Equal(kinds, auditlog.Kinds()) {
		t.Errorf("package audit has %q, known are %q", kinds, auditlog.Kinds())
	}
}

// TestEachOutcomeThatIsRecordedIsKnown reads what the key service writes into
// entries: a filter must not refuse what the log has.
func TestEachOutcomeThatIsRecordedIsKnown(t *testing.T) {
	reasons := map[string]string{}
	for _, c := range regexp.MustCompile(`(?m)^\t(\w+Reason) += "(\w+)"`).FindAllStringSubmatch(sources(t, "api/v1alpha1"),
		-1) {
		reasons[c[1]] = c[2]
	}
	service := sources(t, "keyservice", "keyservice/audit", "keyservice/authority", "keyservice/journal",
		"cmd/bulla-keyservice")
	var recorded []string
	for _, c := range regexp.MustCompile(`v1alpha1\.(\w+Reason)\b`).FindAllStringSubmatch(service, -1) {
		recorded = append(recorded, reasons[c[1]])
	}
	for _, expression := range []string{`Outcome: +"(\w+)"`, `const Done = "(\w+)"`, `(?m)^\tReason\w+ += "(\w+)"`} {
		found := regexp.MustCompile(expression).FindAllStringSubmatch(service+sources(t, "keyservice/keyservicev1"), -1)
		if len(found) == 0 {
			t.Errorf("no source has %s", expression)
		}
		for _, c := range found {
			recorded = append(recorded, c[1])
		}
	}
	for _, outcome := range append(recorded, "Granted", "NotPlaced") {
		if !slices.Contains(auditlog.Outcomes(), outcome) {
			t.Errorf("%q may be recorded, and is not known", outcome)
		}
	}
}

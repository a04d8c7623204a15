package haul

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAFileIsPartedIntoItsObjects and each is told by the line where it begins.
func TestAFileIsPartedIntoItsObjects(t *testing.T) {
	text := strings.Join([]string{
		"# a comment", "apiVersion: v1", "kind: Secret", "data:", "  a: x", "---", "# none", "--- # of a list", "kind: List",
		"items: [{kind: Secret}, {kind: ConfigMap}]", "---", "kind: SecretList", "apiVersion: v1", "items: [{metadata: {}}]",
		"---", "kind: [", "---", "sops: {mac: x}", "kind: Secret", "...", "--- text", "---", "", "kind: Secret",
		"... # ends", "kind: ConfigMap",
	}, "\r\n")
	var got []string
	for _, doc := range Documents("f", []byte(text)) {
		got = append(got, fmt.Sprintf("%s %s%s bad=%t sops=%t", doc.At, doc.APIVersion, doc.Kind, doc.Bad, doc.Encrypted))
	}
	want := []string{
		"f:2 v1Secret bad=false sops=false",
		"f:9, item 1 Secret bad=false sops=false", "f:9, item 2 ConfigMap bad=false sops=false",
		"f:12, item 1 v1Secret bad=false sops=false",
		"f:16  bad=true sops=false", "f:18 Secret bad=false sops=true", "f:21  bad=true sops=false",
		"f:24 Secret bad=false sops=false", "f:26 ConfigMap bad=false sops=false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects: %s", diff)
	}
}

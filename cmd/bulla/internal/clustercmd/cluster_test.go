package clustercmd_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/clustercmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/clusterkeys"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize/model"
)

func TestLabelsAreThoseOfKubernetes(t *testing.T) {
	got, err := clustercmd.ParseLabels([]string{"env=prod", "example.com/tier=a"})
	if diff := cmp.Diff(map[string]string{"env": "prod", "example.com/tier": "a"}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for _, text := range []string{"env", "env=", "=prod", "env=pro d", "Env Name=x", "-env=x"} {
		if got, err := clustercmd.ParseLabels([]string{text}); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	if _, err := clustercmd.ParseLabels([]string{"env=a", "env=b"}); err == nil {
		t.Error("one key has two values")
	}
}

// TestAClustersFileIsReadAsItIsWritten: labels that look like a number or a truth
// value to YAML stay texts.
func TestAClustersFileIsReadAsItIsWritten(t *testing.T) {
	written := testfleet.Cluster("x", "")
	keys := clusterkeys.Keys{Identity: field(t, written, "identity"), Recipient: field(t, written, "recipient")}
	labels := map[string]string{"zone": "1", "on": "true"}
	text := clustercmd.Render("eu", labels, keys)
	m, err := model.Load(testfleet.Open(t, testfleet.Two().With(testfleet.Files{"clusters/eu.yaml": text})))
	if err != nil {
		t.Fatal(err)
	}
	cluster := m.Clusters["eu"]
	if cluster == nil {
		t.Fatalf("refused: %v\n%s", m.Refused(api.KindCluster, "eu"), text)
	}
	if cluster.Spec.Identity != keys.Identity || cluster.Spec.Recipient != keys.Recipient ||
		!cmp.Equal(labels, cluster.Metadata.Labels) {
		t.Errorf("read %+v", cluster)
	}
}

// field is the value of a line of a file.
func field(t *testing.T, text, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "  "+name+": ")
	if !ok {
		t.Fatalf("no %s in %s", name, text)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

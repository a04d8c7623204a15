package kube_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
)

// server is an API server of so many FleetSyncs, that keeps what is written to it.
func server(t *testing.T, fleetSyncs int, written *[]string) *kube.Cluster {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		object := map[string]any{
			"apiVersion": "bulla.dev/v1alpha1", "kind": "FleetSync",
			"metadata": map[string]any{"name": "fleet"},
		}
		if r.Method == http.MethodPatch {
			body, _ := io.ReadAll(r.Body)
			*written = append(*written, r.URL.Path+" "+string(body))
			_ = json.NewEncoder(w).Encode(object)
			return
		}
		list := map[string]any{"apiVersion": "bulla.dev/v1alpha1", "kind": "FleetSyncList", "items": []any{}}
		for range fleetSyncs {
			list["items"] = append(list["items"].([]any), object)
		}
		_ = json.NewEncoder(w).Encode(list)
	}))
	t.Cleanup(s.Close)
	config := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: %s}}]\n"+
		"contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\ncurrent-context: c\n", s.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster, err := kube.Connect(config, "c")
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

func TestAClusterHasOneFleetSync(t *testing.T) {
	for n, ok := range map[int]bool{0: false, 1: true, 2: false} {
		found, err := server(t, n, nil).FleetSync(t.Context())
		if (err == nil) != ok || ok && found.GetName() != "fleet" {
			t.Errorf("of %d: %v, %v", n, found, err)
		}
		var f *fault.Error
		if !ok && (!errors.As(err, &f) || f.Hint == "") {
			t.Errorf("of %d: the error has no hint: %v", n, err)
		}
	}
}

func TestTheControllerIsAskedByAnAnnotation(t *testing.T) {
	var written []string
	cluster := server(t, 1, &written)
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	if err := cluster.Request(t.Context(), kube.Delivery, "bulla-system", "payments", now); err != nil {
		t.Fatal(err)
	}
	if len(written) != 1 || !strings.Contains(written[0], "/namespaces/bulla-system/deliveries/payments ") ||
		!strings.Contains(written[0], `"reconcile.fluxcd.io/requestedAt":"2026-11-22T08:00:00Z"`) {
		t.Errorf("written: %q", written)
	}
}

func TestAContextThatIsNotThereIsRefusedWithAHint(t *testing.T) {
	_, err := kube.Connect(filepath.Join(t.TempDir(), "none"), "c")
	var f *fault.Error
	if !errors.As(err, &f) || f.Hint == "" {
		t.Errorf("error %v", err)
	}
}

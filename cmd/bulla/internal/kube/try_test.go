package kube

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	clientapi "k8s.io/client-go/tools/clientcmd/api"
)

// TestOfASecretMetadataAloneIsAskedFor holds every request of a comparison: what is not
// asked for is in no answer, no log and no core dump.
func TestOfASecretMetadataAloneIsAskedFor(t *testing.T) {
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/api":
			fmt.Fprint(w, `{"kind":"APIVersions","versions":["v1"]}`)
		case "/apis":
			fmt.Fprint(w, `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`)
		case "/api/v1":
			fmt.Fprint(w, `{"kind":"APIResourceList","groupVersion":"v1","resources":[`+
				`{"name":"secrets","singularName":"secret","namespaced":true,"kind":"Secret","verbs":["get"]}]}`)
		default:
			asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Accept"))
			fmt.Fprint(w, `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"db",`+
				`"annotations":{"bulla.dev/content":"sha256:01"}}}`)
		}
	}))
	t.Cleanup(s.Close)
	config := clientapi.NewConfig()
	config.Clusters["c"] = &clientapi.Cluster{Server: s.URL}
	config.Contexts["c"] = &clientapi.Context{Cluster: "c"}
	config.CurrentContext = "c"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	cluster, err := Connect(file, "")
	if err != nil {
		t.Fatal(err)
	}
	trial, err := cluster.Try()
	if err != nil {
		t.Fatal(err)
	}
	secret := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{"name": "db", "namespace": "shop"}}}
	live, err := trial.LiveMetadata(t.Context(), secret)
	if err != nil || live.Annotations["bulla.dev/content"] != "sha256:01" {
		t.Fatalf("got %v, %v", live, err)
	}
	if len(asked) != 1 || !strings.HasPrefix(asked[0], "GET /api/v1/namespaces/shop/secrets/db ") ||
		!strings.Contains(asked[0], "as=PartialObjectMetadata") {
		t.Errorf("asked for %q", asked)
	}
}

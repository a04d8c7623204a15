package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/child"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

// request asks the FleetSync for a pass now.
func (w *processWorld) request() {
	w.Helper()
	sync := &v1alpha1.FleetSync{ObjectMeta: metav1.ObjectMeta{Namespace: w.own, Name: "fleet"}}
	patch := client.RawPatch("application/merge-patch+json",
		fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, meta.ReconcileRequestAnnotation,
			time.Now().Format(time.RFC3339Nano)))
	if err := w.client.Patch(w.Context(), sync, patch); err != nil {
		w.Fatal(err)
	}
}

const hookSecret = "what the forge and the service know"

// ring sends a webhook, as the forge does after a push.
func (w *processWorld) ring() {
	w.Helper()
	const body = `{"ref": "refs/heads/main"}`
	to := "http://" + w.hooks + "/hook/forge"
	request, err := http.NewRequestWithContext(w.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write([]byte(body))
	request.Header.Set("X-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		w.Errorf("the webhook: %s", answer.Status)
	}
}

func (w *processWorld) waitFor(what string, check func(*v1alpha1.FleetSync) error) *v1alpha1.FleetSync {
	w.Helper()
	sync := &v1alpha1.FleetSync{}
	wait.For(w.T, "the FleetSync is "+what, func() error {
		if err := w.client.Get(w.Context(), client.ObjectKey{Namespace: w.own, Name: "fleet"}, sync); err != nil {
			return err
		}
		return check(sync)
	})
	return sync
}

func (w *processWorld) waitForDelivery(check func(*v1alpha1.Delivery) error) {
	w.Helper()
	wait.For(w.T, "the Delivery is ready", func() error {
		d := &v1alpha1.Delivery{}
		if err := w.client.Get(w.Context(), client.ObjectKey{Namespace: w.own, Name: "shop"}, d); err != nil {
			return err
		}
		return check(d)
	})
}

// nothingForbidden reads the API server's audit log: a right that the chart
// forgot would show here though the loop got by without it.
func (w *processWorld) nothingForbidden() {
	w.Helper()
	events, err := w.cluster.AuditEvents()
	if err != nil {
		w.Fatal(err)
	}
	user := "system:serviceaccount:" + w.own + ":" + account
	writes := 0
	for _, event := range events {
		if event.User != user {
			continue
		}
		if event.Write() {
			writes++
		}
		if event.Code == http.StatusForbidden {
			w.Errorf("the API server refused the controller: %s", event)
		}
	}
	if writes == 0 {
		w.Error("the audit log shows no write of the controller")
	}
	if data, err := os.ReadFile(w.path("controller.log")); err != nil || strings.Contains(string(data), "is forbidden") {
		w.Errorf("the controller's log has a refusal, or is not there: %v", err)
	}
}

// sweep looks for the secret value wherever the run left something.
func (w *processWorld) sweep(secret canary.Canary) {
	w.Helper()
	objects := &v1alpha1.DeliveryList{}
	syncs := &v1alpha1.FleetSyncList{}
	events := &corev1.EventList{}
	for _, list := range []client.ObjectList{objects, syncs, events} {
		if err := w.client.List(w.Context(), list, client.InNamespace(w.own)); err != nil {
			w.Fatal(err)
		}
	}
	said, err := yaml.Marshal([]any{objects, syncs, events})
	if err != nil {
		w.Fatal(err)
	}
	hits, err := canary.Sweep([]canary.Canary{secret}, canary.Path(w.path("controller.log")),
		canary.Path(w.path("storage")),
		canary.Path(w.path("keyservice.log")), canary.Path(w.path("data")), canary.Bytes("statuses and events", said),
		canary.Bytes("notifications", []byte(w.notified.text())))
	if err != nil {
		w.Fatal(err)
	}
	for _, hit := range hits {
		w.Errorf("the secret value shows: %v", hit)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := child.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func get(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return err
}

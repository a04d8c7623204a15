package delivery

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// A wired workload uses its Secret as one that names it: a changed value rolls it
// once, and nothing else does, not even the controller's own restart.
func TestARotatedValueRollsEachWiredWorkloadOnce(t *testing.T) {
	w := newDeliveryWorld(t)
	stop := w.run()
	workload := func(name string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + "}\nspec:\n" +
			"  selector: {matchLabels: {app: " + name + "}}\n  template:\n    metadata: {labels: {app: " + name + "}}\n" +
			"    spec: {containers: [{name: c, image: 'x:1'}]}\n"
	}
	stub := strings.Replace(testfleet.Stub("db"), "  blocks:", "  deliverAs:\n"+
		"  - {workload: {kind: Deployment, name: api}, env: {keys: {password: DB_PASSWORD}}}\n"+
		"  - {workload: {kind: Deployment, name: worker}, volume: {mountPath: /etc/db}}\n  blocks:", 1)
	push := func(stub, value string) {
		t.Helper()
		files := map[string]string{"apps/shop/db.yaml": stub}
		for _, name := range []string{"api", "worker", "web"} {
			files["apps/shop/"+name+".yaml"] = workload(name)
		}
		for _, o := range w.push("shop", files) {
			if o.Stub != nil {
				w.unsealer.open(o.Stub.Manifest.Spec.Blocks[0].Payload, map[string]string{
					"/data/password": base64.StdEncoding.EncodeToString([]byte(value))})
			}
		}
		w.commit()
		w.settled()
		w.quiet()
	}
	generations := func() []int64 { return []int64{w.generation("api"), w.generation("worker"), w.generation("web")} }
	push(stub, "canary 5b1e one")
	first, mark := generations(), w.mark()

	push(strings.Replace(stub, "QUJDQUJD", "REVGREVG", 1), "canary 5b1e two")
	if diff := cmp.Diff([]int64{first[0] + 1, first[1] + 1, first[2]}, generations()); diff != "" {
		t.Errorf("generations of api, worker and web:\n%s", diff)
	}
	written := w.written(mark)
	for _, want := range []string{"secrets/db", "deployments/api", "deployments/worker"} {
		if n := strings.Count(strings.Join(written, " ")+" ", want+" "); n != 1 {
			t.Errorf("%s written %d times: %v", want, n, written)
		}
	}
	if len(written) != 3 {
		t.Errorf("written %v", written)
	}
	if diff := cmp.Diff([]string{"api", "worker"}, w.pods(mark)); diff != "" {
		t.Errorf("pods that came with the new value:\n%s", diff)
	}

	stop()
	mark = w.mark()
	stop = w.run()
	w.ask("shop", "after the restart")
	w.settled()
	if order := w.order(mark, "patch", "update", "create", "delete"); len(order) > 0 {
		t.Errorf("a restart wrote %v", order)
	}

	// An upgrade may build the same objects and reckon another digest of them.
	stop()
	mark, second := w.mark(), generations()
	w.reckoning = "another"
	w.commit()
	w.run()
	w.settled()
	w.quiet()
	if diff := cmp.Diff(second, generations()); diff != "" {
		t.Errorf("generations after an upgrade:\n%s", diff)
	}
	if pods := w.pods(mark); len(pods) > 0 {
		t.Errorf("pods that came with an upgrade: %v", pods)
	}
}

// pods are the workloads of the pods that nodes were given since mark, as the audit log
// has them. A pod has no name yet when it is asked for.
func (w *deliveryWorld) pods(mark int) (of []string) {
	w.t.Helper()
	for _, e := range w.audit(mark) {
		if e.Write() && e.Verb == "create" && e.Resource == "pods" && e.Subresource == "binding" {
			workload, _, _ := strings.Cut(e.Name, "-")
			of = append(of, workload)
		}
	}
	slices.Sort(of)
	return of
}

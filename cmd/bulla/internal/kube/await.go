package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/manual"
)

// every is between two looks at an object that is waited for.
const every = 500 * time.Millisecond

// Outcome is how a controller's work on an object ended.
type Outcome struct {
	Ready           bool
	Reason, Message string
	Revision        string
}

// Await waits until the controller has worked on an object: on a request of that time
// where there is one, otherwise on its newest generation; and said that it is ready, or
// why not. tell is told what it says meanwhile.
func (c *Cluster) Await(
	ctx context.Context, kind, namespace, name, request string, timeout time.Duration, tell func(string, ...any),
) (*Outcome, error) {
	defer tell("")
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var last *Outcome
	for {
		object, err := c.Get(ctx, kind, namespace, name)
		if err == nil {
			var done bool
			if last, done = outcome(object, request); done {
				return last, nil
			}
			tell("waits for %s %s: %s %s", kind, name, last.Reason, last.Message)
		} else if ctx.Err() == nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, ctx.Err()
			}
			return nil, late(kind, name, timeout, last)
		case <-time.After(every):
		}
	}
}

func late(kind, name string, timeout time.Duration, last *Outcome) error {
	what := "the controller did not answer"
	if last != nil && last.Reason != "" {
		what = fmt.Sprintf("it says %s: %s", last.Reason, last.Message)
	}
	return fault.New("--timeout waits longer; `bulla logs` and `bulla events` say what the controller does",
		"wait for %s %q: not done within %s: %s", kind, name, timeout, what)
}

// outcome reads how far the work is.
func outcome(o *unstructured.Unstructured, request string) (*Outcome, bool) {
	text := func(fields ...string) string { s, _, _ := unstructured.NestedString(o.Object, fields...); return s }
	out := &Outcome{Revision: text("status", "lastAppliedRevision")}
	if o.GetKind() == FleetSync {
		out.Revision = text("status", "head")
	}
	observed, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	status := ""
	for _, one := range conditions {
		if c, _ := one.(map[string]any); c["type"] == meta.ReadyCondition {
			status, _ = c["status"].(string)
			out.Reason, _ = c["reason"].(string)
			out.Message, _ = c["message"].(string)
		}
	}
	out.Ready = status == "True"
	worked := observed == o.GetGeneration() && (request == "" || text("status", "lastHandledReconcileAt") == request)
	return out, worked && (status == "True" || status == "False")
}

// Tell prints an outcome that is good, and is an error otherwise.
func (o *Outcome) Tell(kind, name string, printf func(string, ...any)) error {
	if !o.Ready {
		return fault.New(fmt.Sprintf("%s; `bulla events --for %s/%s`",
			manual.About(o.Reason), words[kind][1], name), "%s %q is not Ready: %s: %s", kind, name, o.Reason, o.Message)
	}
	revision := o.Revision
	if revision == "" {
		revision = "no revision"
	}
	printf("%s %q is Ready at %s: %s\n", kind, name, revision, o.Message)
	return nil
}

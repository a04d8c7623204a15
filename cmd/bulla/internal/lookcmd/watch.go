package lookcmd

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
)

// change is an object of a kind that came or changed.
type change struct {
	kind string
	o    *unstructured.Unstructured
}

// watch prints what changes until it is stopped. What was printed is not printed again
// when a connection ends and another one begins.
func (a run) watch(ctx context.Context, cluster *kube.Cluster, f *getFlags, all []found) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	changes, failed := make(chan change), make(chan error, len(all))
	for _, of := range all {
		go func() { failed <- follow(ctx, cluster, f, of, changes) }()
	}
	seen := map[string]string{}
	for _, of := range all {
		for _, o := range of.items {
			seen[string(o.GetUID())] = o.GetResourceVersion()
		}
	}
	for {
		select {
		case c := <-changes:
			if seen[string(c.o.GetUID())] == c.o.GetResourceVersion() {
				continue
			}
			seen[string(c.o.GetUID())] = c.o.GetResourceVersion()
			if f.isNot(*c.o) {
				continue
			}
			if err := f.print(a.Stdout, []found{{kind: c.kind, items: []unstructured.Unstructured{*c.o}}}, false); err != nil {
				return err
			}
		case err := <-failed:
			if errors.Is(err, context.Canceled) {
				return nil // whoever watches has seen enough
			}
			return err
		}
	}
}

// between is how far apart watches begin, at least: a server, or what is before it, may end
// each at once.
const between = time.Second

// follow watches one kind for ever: where a watch ends, or its version is too old, it
// lists again.
func follow(ctx context.Context, cluster *kube.Cluster, f *getFlags, of found, to chan<- change) error {
	version := of.version
	for {
		began := time.Now()
		w, err := cluster.Watch(ctx, of.kind, f.in(cluster, of.kind), f.selector, version)
		if err != nil {
			return err
		}
		if err := forward(ctx, w, of.kind, to); err != nil {
			return err
		}
		select {
		case <-time.After(between - time.Since(began)):
		case <-ctx.Done():
			return ctx.Err()
		}
		list, err := cluster.List(ctx, of.kind, f.in(cluster, of.kind), f.selector)
		if err != nil {
			return err
		}
		for i := range list.Items {
			select {
			case to <- change{of.kind, &list.Items[i]}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		version = list.GetResourceVersion()
	}
}

func forward(ctx context.Context, w watch.Interface, kind string, to chan<- change) error {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event, open := <-w.ResultChan():
			o, ok := event.Object.(*unstructured.Unstructured)
			if !open || event.Type == watch.Error {
				return nil
			}
			if !ok || event.Type != watch.Added && event.Type != watch.Modified {
				continue
			}
			select {
			case to <- change{kind, o}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

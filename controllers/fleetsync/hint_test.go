package fleetsync

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/fixtures/wait"
)

// A key service that names heads which nobody has must not have a cluster ask its Git
// host for ever.
func TestAHeadThatNeverComesIsAskedForAFewTimes(t *testing.T) {
	h := &hint{}
	here := map[string]bool{"two": true}
	again := func() time.Duration { return h.again(func(head string) bool { return here[head] }) }
	if got := again(); got != 0 {
		t.Errorf("nothing was told: looks again after %s", got)
	}
	h.set("one")
	var total time.Duration
	tries := 0
	for pause := again(); pause > 0 && tries < 100; pause = again() {
		total, tries = total+pause, tries+1
	}
	if tries != hintTries || total > 2*time.Minute || again() != 0 {
		t.Errorf("it looks %d times in %s", tries, total)
	}
	h.set("two")
	if got := again(); got != 0 {
		t.Errorf("the head is here: looks again after %s", got)
	}
}

// A Git host of several machines shows a push to the key service before it shows it to
// this cluster. The interval is an hour here.
func TestAPushThatTheRemoteShowsLateIsSeen(t *testing.T) {
	w := newWorld(t)
	obj := w.get()
	from := obj.DeepCopy()
	obj.Spec.Interval = metav1.Duration{Duration: time.Hour}
	if err := w.client.Patch(t.Context(), obj, client.MergeFrom(from)); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "it looks once an hour", func() bool {
		obj = w.get()
		return obj.Status.ObservedGeneration == obj.Generation
	})
	w.loop.Noticed(strings.Repeat("0", 40))
	head := w.commit("a push", map[string]*string{"README.md": new("late")})
	wait.Until(t, "the push is seen", func() bool { return w.snapshots.Load().Head == head })
}

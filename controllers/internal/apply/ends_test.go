package apply

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

func TestWhatEndsByItself(t *testing.T) {
	for text, want := range map[string]struct{ ends, cleans bool }{
		"{apiVersion: batch/v1, kind: Job, metadata: {name: a, namespace: ns}, spec: {x: 1}}":                                                      {true, false},
		"{apiVersion: batch/v1, kind: Job, metadata: {name: a, namespace: ns}, spec: {ttlSecondsAfterFinished: 5}}":                                {true, true},
		"{apiVersion: batch/v1, kind: CronJob, metadata: {name: a, namespace: ns}, spec: {jobTemplate: {spec: {ttlSecondsAfterFinished: 5}}}}":     {false, false},
		"{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ns}, spec: {restartPolicy: Never}}":                                            {true, false},
		"{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ns}, spec: {containers: []}}":                                                  {false, false},
		"{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {name: a, namespace: ns}, spec: {ttlStrategy: {secondsAfterCompletion: 5}}}": {true, true},
		"{apiVersion: kubeflow.org/v2, kind: MPIJob, metadata: {name: a, namespace: ns}, spec: {runPolicy: {ttlSecondsAfterFinished: 5}}}":         {true, true},
		"{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: ns}, spec: {replicas: 1}}":                                         {false, false},
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: ns}, data: {spec: x}}":                                                   {false, false},
	} {
		for _, o := range prepare(t, manifest(t, text)) {
			if o.Ends() != want.ends || o.CleansUp() != want.cleans {
				t.Errorf("%s: ends %v, cleans up %v", text, o.Ends(), o.CleansUp())
			}
		}
	}
}

func TestOneRunForEachSpecInGit(t *testing.T) {
	job := func(text string) Object {
		return prepare(t, manifest(t, "{apiVersion: batch/v1, kind: Job, metadata: {name: a, namespace: ns}, spec: {"+text+"}}"))["Job/a"]
	}
	labelled := prepare(t, manifest(t, "{apiVersion: batch/v1, kind: Job, metadata: {name: a, namespace: ns, labels: {v: '2'}}, spec: {a: 1}}"))["Job/a"]
	one, two, cleaning := job("a: 1"), job("a: 2"), job("a: 1, ttlSecondsAfterFinished: 5")
	run := func(o Object, ended string) v1alpha1.InventoryEntry {
		return v1alpha1.InventoryEntry{Applied: o.Hash, Run: &v1alpha1.InventoryRun{Spec: o.Spec, Ended: ended}}
	}
	for name, test := range map[string]struct {
		o     Object
		entry v1alpha1.InventoryEntry
		want  bool
	}{
		"it ended":                               {one, run(one, RunComplete), true},
		"it failed":                              {one, run(one, RunFailed), true},
		"it was deleted while it ran":            {one, run(one, ""), false},
		"it is cleaned up, and nobody saw it":    {cleaning, run(cleaning, ""), true},
		"another spec":                           {two, run(one, RunComplete), false},
		"the same spec under another label":      {labelled, run(one, RunComplete), true},
		"never applied":                          {one, v1alpha1.InventoryEntry{}, false},
		"never applied, and is cleaned up":       {cleaning, v1alpha1.InventoryEntry{}, false},
		"applied before runs were remembered":    {cleaning, v1alpha1.InventoryEntry{Applied: cleaning.Hash}, true},
		"that, and it leaves the deletion to us": {one, v1alpha1.InventoryEntry{Applied: one.Hash}, false},
	} {
		if got := test.o.Ran(test.entry); got != test.want {
			t.Errorf("%s: ran %v", name, got)
		}
	}
}

// Whoever asks for the apply may have looked at a watch that was behind.
func TestWhatRanIsNotMadeAgain(t *testing.T) {
	b := newBench(t)
	job := func(spec string) Object {
		return prepare(t, manifest(t, `{apiVersion: batch/v1, kind: Job, metadata: {name: ran, namespace: ns},
			spec: {suspend: true, `+spec+`,
				template: {spec: {restartPolicy: Never, containers: [{name: m, image: "m:1"}]}}}}`))["Job/ran"]
	}
	cleaning := job("ttlSecondsAfterFinished: 0")
	entry := b.apply(cleaning, v1alpha1.InventoryEntry{}, nil)
	background := client.PropagationPolicy(metav1.DeletePropagationBackground)
	if err := b.client.Delete(t.Context(), b.live(cleaning), background); err != nil {
		t.Fatal(err)
	}
	entry, made, err := b.hands.Puts.Put(t.Context(), cleaning, entry, nil)
	if err != nil || made || entry.Run == nil || !entry.Run.Gone || entry.Run.Ended != RunUnseen {
		t.Fatalf("made %v, error %v, remembered %+v", made, err, entry.Run)
	}
	if stands, err := b.hands.Live.Stands(t.Context(), cleaning); err != nil || stands {
		t.Fatalf("it stands again: %v, %v", stands, err)
	}
	if _, made, err := b.hands.Puts.Put(t.Context(), job("backoffLimit: 1"), entry, nil); err != nil || !made {
		t.Fatalf("another spec is another run: made %v, error %v", made, err)
	}
}

func TestTheEndOfARunIsReadWhereItIsWritten(t *testing.T) {
	for text, want := range map[string]string{
		"{status: {conditions: [{type: Complete, status: 'True'}]}}":              RunComplete,
		"{status: {conditions: [{type: Failed, status: 'True'}]}}":                RunFailed,
		"{status: {conditions: [{type: Failed, status: 'False'}]}}":               "",
		"{status: {conditions: [{type: Suspended, status: 'True'}]}}":             "",
		"{status: {phase: Succeeded}}":                                            RunComplete,
		"{status: {phase: Failed}}":                                               RunFailed,
		"{status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}}": "",
		"{}": "",
	} {
		u := &unstructured.Unstructured{Object: manifest(t, text).Object}
		if got := ownEnd(u, v1alpha1.InventoryEntry{}); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// TestWhatIsDeletedAsItRunsDidNotEnd: its pods are taken from it, and that is written like
// a failure.
func TestWhatIsDeletedAsItRunsDidNotEnd(t *testing.T) {
	const (
		job = "metadata: {deletionTimestamp: '2026-11-30T12:00:30Z'}, " +
			"status: {conditions: [{type: %s, status: 'True', lastTransitionTime: '2026-11-30T%s'}]}}"
		pod = "metadata: {deletionTimestamp: '2026-11-30T12:00:30Z'}, " +
			"status: {phase: %s, containerStatuses: [{state: {terminated: {finishedAt: '2026-11-30T%s'}}}]}}"
		apiJob, apiPod = "{apiVersion: batch/v1, kind: Job, ", "{apiVersion: v1, kind: Pod, "
	)
	applied, going := v1alpha1.InventoryEntry{Applied: "sha256:a"}, v1alpha1.InventoryEntry{}
	for name, test := range map[string]struct {
		text  string
		entry v1alpha1.InventoryEntry
		want  string
	}{
		"it was deleted at its end":         {fmt.Sprintf(apiJob+job, "Complete", "12:00:30Z"), applied, RunComplete},
		"it was deleted after it failed":    {fmt.Sprintf(apiJob+job, "Failed", "12:00:01Z"), applied, RunFailed},
		"its pods were taken from it":       {fmt.Sprintf(apiJob+job, "Failed", "12:00:31Z"), applied, ""},
		"it ended, and is placed again":     {fmt.Sprintf(apiJob+job, "Complete", "12:00:01Z"), going, ""},
		"a Pod that was told to stop":       {fmt.Sprintf(apiPod+pod, "Failed", "12:00:02Z"), applied, ""},
		"a Pod that stopped well when told": {fmt.Sprintf(apiPod+pod, "Succeeded", "12:00:02Z"), applied, ""},
		"a Pod that was tidied up":          {fmt.Sprintf(apiPod+pod, "Succeeded", "11:58:00Z"), applied, RunComplete},
		"something that does not say when it ended": {
			"{metadata: {deletionTimestamp: '2026-11-30T12:00:30Z'}, status: {phase: Failed}}", applied, RunFailed},
	} {
		u := &unstructured.Unstructured{Object: manifest(t, test.text).Object}
		if u.GetKind() == "Pod" {
			u.SetDeletionGracePeriodSeconds(ptr.To[int64](30))
		}
		if got := ownEnd(u, test.entry); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

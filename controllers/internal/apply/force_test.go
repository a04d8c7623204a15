package apply

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize"
)

const secretText = "hunter2"

func typed(kind string) func(*kustomize.Object) {
	return func(o *kustomize.Object) { o.Object["type"] = kind }
}

var forced = annotated(v1alpha1.ForceAnnotation, "enabled")

// refusals are what an API server says of the replacement.
func invalid(name string) error {
	return apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, name, field.ErrorList{field.Required(field.NewPath("data").Key("tls.key"), secretText)})
}

func forbidden(name string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, name, errors.New(secretText))
}

// replacement is one that may be refused.
type replacement struct {
	refuse  func(name string, dry bool, deleted int) error
	change  []func(*kustomize.Object)
	outcome Outcome
	replace bool // it goes through
	deleted int
}

var replacements = map[string]replacement{
	"the trial is refused": {
		refuse: func(name string, dry bool, _ int) error {
			if dry {
				return invalid(name)
			}
			return nil
		},
		change: []func(*kustomize.Object){typed("kubernetes.io/tls"), forced}, outcome: Stands,
	},
	"the trial goes through and the creation is refused": {
		refuse: func(name string, dry bool, deleted int) error {
			if !dry && deleted == 1 {
				return errOnce(name)
			}
			return nil
		},
		change: []func(*kustomize.Object){typed("kubernetes.io/tls"), forced}, outcome: PutBack, deleted: 1,
	},
	"a webhook takes no part in trials": {
		refuse: func(name string, dry bool, _ int) error {
			if dry {
				return apierrors.NewBadRequest("admission webhook does not support dry run")
			}
			return nil
		},
		change: []func(*kustomize.Object){typed("kubernetes.io/tls"), forced}, replace: true, deleted: 1,
	},
	"nobody asked for force": {change: []func(*kustomize.Object){typed("kubernetes.io/tls")}, outcome: -1},
	"it goes through":        {change: []func(*kustomize.Object){typed("kubernetes.io/tls"), forced}, replace: true, deleted: 1},
}

func TestAForcedReplacementNeverLeavesNothing(t *testing.T) {
	for name, test := range replacements {
		t.Run(name, func(t *testing.T) { test.leavesSomething(t) })
	}
}

func (test replacement) leavesSomething(t *testing.T) {
	b := newBench(t)
	before := b.apply(b.secret(), v1alpha1.InventoryEntry{}, value("one"))
	uid := b.live(b.secret()).GetUID()
	next := b.secret(test.change...)
	refusals := 0
	b.refuse = func(name string, dry bool) error {
		if test.refuse != nil {
			if err := test.refuse(name, dry, b.deleted); err != nil && refusals == 0 {
				refusals++
				return err
			}
		}
		if !dry && b.deleted == 0 { // the type of a Secret cannot change
			return invalid(name)
		}
		return nil
	}
	entry, err := b.hands.Puts.Apply(t.Context(), next, before, value("two"))
	live := b.live(next)
	if got := b.deleted; got != test.deleted {
		t.Errorf("deleted %d times, want %d", got, test.deleted)
	}
	if string(live.GetUID()) != entry.UID {
		t.Error("the inventory does not have what stands")
	}
	if test.replace {
		if err != nil || live.GetUID() == uid || entry.Applied != next.Hash {
			t.Errorf("not replaced: %v", err)
		}
		return
	}
	test.stood(t, live, entry, before, err)
}

// stood checks what a replacement that failed left, and what is said of it.
func (test replacement) stood(t *testing.T, live *unstructured.Unstructured, entry, before v1alpha1.InventoryEntry, err error) {
	t.Helper()
	wanted := base64.StdEncoding.EncodeToString([]byte("one"))
	if data := live.Object["data"].(map[string]any); data["password"] != wanted || live.Object["type"] != "Opaque" {
		t.Error("what stands is not what stood")
	}
	if entry.Applied != before.Applied || entry.Content != before.Content || entry.Stub != before.Stub {
		t.Errorf("the inventory says %+v of what stood as %+v", entry, before)
	}
	var failed *ReplaceError
	if errors.As(err, &failed) != (test.outcome >= 0) || failed != nil && failed.Outcome != test.outcome {
		t.Errorf("the outcome is told as %v", err)
	}
	if test.outcome < 0 && !errors.As(err, new(*ImmutableError)) {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), secretText) || strings.Count(err.Error(), "Secret ns/db") != 1 {
		t.Errorf("the error says too much: %v", err)
	}
}

func errOnce(name string) error { return forbidden(name) }

func TestWhatIsGoneIsSaidToBeGone(t *testing.T) {
	b := newBench(t)
	before := b.apply(b.secret(), v1alpha1.InventoryEntry{}, value("one"))
	b.refuse = func(name string, dry bool) error {
		if dry {
			return nil
		}
		return invalid(name)
	}
	entry, err := b.hands.Puts.Apply(t.Context(), b.secret(typed("kubernetes.io/tls"), forced), before, value("two"))
	var failed *ReplaceError
	if !errors.As(err, &failed) || failed.Outcome != Lost {
		t.Errorf("got %v", err)
	}
	if entry.UID != "" || entry.Content != "" || entry.ID != before.ID {
		t.Errorf("the inventory has %+v", entry)
	}
}

func TestForceIsForPlainObjectsToo(t *testing.T) {
	const dumped = `Invalid value: {"metadata":{"labels":{"job-name":"a"}},"spec":{"containers":[{"name":"migrate"}]}}: field is immutable`
	refusal := apierrors.NewInvalid(schema.GroupKind{Group: "batch", Kind: "Job"}, "a", nil)
	refusal.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: "FieldValueInvalid", Field: "spec.template", Message: dumped}}
	refusal.ErrStatus.Message = `Job.batch "a" is invalid: spec.template: ` + dumped
	for _, force := range []bool{false, true} {
		b := newBench(t)
		o := b.configMap(plain)
		entry := b.apply(o, v1alpha1.InventoryEntry{}, nil)
		if force {
			annotate(o.Manifest, v1alpha1.ForceAnnotation, "enabled")
		}
		b.refuse = func(_ string, dry bool) error {
			if !dry && b.deleted == 0 {
				return refusal
			}
			return nil
		}
		next, err := b.hands.Puts.Apply(t.Context(), o, entry, nil)
		if force {
			if err != nil || next.UID == entry.UID || b.deleted != 1 {
				t.Errorf("not replaced: %v", err)
			}
			continue
		}
		want := "ConfigMap ns/a: spec.template cannot change: rename it, or annotate it bulla.dev/force: enabled to have it deleted and made anew"
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// A placement's word is obeyed where the API server says that it is immutability, and by
// no object that says otherwise, or holds data.
func TestForceOfAPlacement(t *testing.T) {
	invalid := func(text string) error {
		refusal := apierrors.NewInvalid(schema.GroupKind{Kind: "ConfigMap"}, "a", nil)
		refusal.ErrStatus.Details.Causes = []metav1.StatusCause{{Field: "data", Message: text}}
		refusal.ErrStatus.Message = text
		return refusal
	}
	immutable, other := invalid("field is immutable"), invalid("must be a number")
	for name, test := range map[string]struct {
		refusal  error
		key      string
		value    string
		replaced bool
	}{
		"immutable":                         {immutable, "", "", true},
		"invalid for another reason":        {other, "", "", false},
		"the object says no":                {immutable, v1alpha1.ForceAnnotation, "disabled", false},
		"the object says no in Flux's name": {immutable, "kustomize.toolkit.fluxcd.io/force", "disabled", false},
		"the object says yes":               {other, v1alpha1.ForceAnnotation, "enabled", true},
	} {
		b := newBench(t)
		o := b.configMap(plain)
		entry := b.apply(o, v1alpha1.InventoryEntry{}, nil)
		o.Force = true
		if test.key != "" {
			annotate(o.Manifest, test.key, test.value)
		}
		b.refuse = func(_ string, dry bool) error {
			if !dry && b.deleted == 0 {
				return test.refusal
			}
			return nil
		}
		next, err := b.hands.Puts.Apply(t.Context(), o, entry, nil)
		if replaced := err == nil && next.UID != entry.UID && b.deleted == 1; replaced != test.replaced {
			t.Errorf("%s: replaced is %t, want %t: %v", name, replaced, test.replaced, err)
		}
	}
	claim := manifest(t, "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a, namespace: ns}}")
	for _, o := range prepare(t, claim) {
		if o.Force = true; o.mayBeReplaced() {
			t.Error("a word about a whole placement takes a volume's data along")
		}
		if annotate(o.Manifest, v1alpha1.ForceAnnotation, "enabled"); !o.mayBeReplaced() {
			t.Error("a claim's own word does not count")
		}
	}
}

// The volume claims of a StatefulSet go with it where it says so, and their data with
// them: as with a claim, that takes the set's own word.
func TestForceOfAPlacementKeepsAStatefulSetsData(t *testing.T) {
	const text = `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: a, namespace: ns}, spec: {serviceName: a,
  selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a}]}},
  persistentVolumeClaimRetentionPolicy: {whenDeleted: %s, whenScaled: Retain}}}`
	refusal := apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, "a", nil)
	refusal.ErrStatus.Details.Causes = []metav1.StatusCause{{Field: "spec", Message: "field is immutable"}}
	for name, test := range map[string]struct {
		lives, next string
		own         bool
		replaced    bool
	}{
		"its data goes":                        {"Delete", "Delete", false, false},
		"its data goes, and Git mends it":      {"Delete", "Retain", false, false},
		"its data goes, and it asks for it":    {"Delete", "Delete", true, true},
		"its data stays":                       {"Retain", "Retain", false, true},
		"its data stays until Git has arrived": {"Retain", "Delete", false, true},
	} {
		b := newBench(t)
		set := func(when string) Object {
			return prepare(t, manifest(t, fmt.Sprintf(text, when)))["StatefulSet/a"]
		}
		entry := b.apply(set(test.lives), v1alpha1.InventoryEntry{}, nil)
		o := set(test.next)
		if o.Force = true; test.own {
			annotate(o.Manifest, v1alpha1.ForceAnnotation, "enabled")
		}
		b.refuse = func(_ string, dry bool) error {
			if !dry && b.deleted == 0 {
				return refusal
			}
			return nil
		}
		next, err := b.hands.Puts.Apply(t.Context(), o, entry, nil)
		if replaced := err == nil && next.UID != entry.UID && b.deleted == 1; replaced != test.replaced {
			t.Errorf("%s: replaced is %t, want %t: %v", name, replaced, test.replaced, err)
		}
		if !test.replaced && !errors.As(err, new(*ImmutableError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatHoldsOthersObjectsIsNeverReplaced(t *testing.T) {
	for _, text := range []string{
		"{apiVersion: v1, kind: Namespace, metadata: {name: a}}",
		"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: as.example.com}}",
	} {
		built := manifest(t, text)
		annotate(built.Unstructured, v1alpha1.ForceAnnotation, "enabled")
		for _, o := range prepare(t, built) {
			if o.Force = true; o.mayBeReplaced() {
				t.Errorf("%s may be replaced", inventory.Describe(o.ID))
			}
		}
	}
}

func TestAnAPIServersTextIsOneSentence(t *testing.T) {
	cause := func(field, text string) metav1.StatusCause { return metav1.StatusCause{Field: field, Message: text} }
	for name, test := range map[string]struct {
		status metav1.Status
		want   string
	}{
		"a dump of JSON": {
			metav1.Status{Reason: metav1.StatusReasonInvalid, Message: "x", Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{
				cause("spec.template", `Invalid value: {"a":{"b":"c: d"}}: field is immutable`)}}},
			"spec.template: field is immutable",
		},
		"a dump of Go, twice": {
			metav1.Status{Reason: metav1.StatusReasonInvalid, Message: "x", Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{
				cause("spec.selector", `Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"a":"b"}}: field is immutable`),
				cause("spec.selector", `Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"a":"b"}}: field is immutable`)}}},
			"spec.selector: field is immutable",
		},
		"a short value": {
			metav1.Status{Reason: metav1.StatusReasonInvalid, Message: "x", Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{
				cause("spec.replicas", `Invalid value: -1: must be greater than or equal to 0`)}}},
			"spec.replicas: Invalid value: -1: must be greater than or equal to 0",
		},
		"another reason": {metav1.Status{Reason: metav1.StatusReasonForbidden, Message: "no\nway"}, "no way"},
	} {
		if got := sentence(&apierrors.StatusError{ErrStatus: test.status}); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	if got := sentence(errors.New(strings.Repeat("x", 5000))); len(got) > 500 {
		t.Errorf("%d bytes", len(got))
	}
}

// TestWhatStoodIsNotPutBackOverSomebodyElses: between the delete and the new try somebody
// makes one of the same name. What has no field in common would be merged without a word.
func TestWhatStoodIsNotPutBackOverSomebodyElses(t *testing.T) {
	for name, test := range map[string]struct {
		ours bool // it was made by an attempt before, whose answer was lost
	}{"somebody else": {}, "an attempt of ours": {ours: true}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			o := b.configMap(plain)
			before := b.apply(o, v1alpha1.InventoryEntry{}, nil)
			annotate(o.Manifest, v1alpha1.ForceAnnotation, "enabled")
			refusal := apierrors.NewInvalid(schema.GroupKind{Kind: "ConfigMap"}, "a", nil)
			refusal.ErrStatus.Details.Causes = []metav1.StatusCause{{Field: "data", Message: "field is immutable"}}
			after := 0
			b.refuse = func(_ string, dry bool) error {
				switch {
				case dry:
					return nil
				case b.deleted == 0:
					return refusal
				}
				if after++; after == 1 {
					return errOnce("a")
				}
				if after == 2 { // what is put back
					made := theirs(nil)
					made.Data = map[string]string{"their": "own"}
					if test.ours {
						made.Annotations = map[string]string{v1alpha1.OwnerAnnotation: b.hands.Puts.claims.proof(o.ID, "")}
					}
					if err := b.client.Create(t.Context(), made); err != nil {
						t.Fatal(err)
					}
				}
				return nil
			}
			entry, err := b.hands.Puts.Apply(t.Context(), o, before, nil)
			live := b.live(o)
			if data := live.Object["data"].(map[string]any); data["their"] != "own" || data["key"] != nil {
				t.Errorf("it was merged into what somebody made: %v", data)
			}
			var failed *ReplaceError
			switch isConflict := errors.As(err, new(*ConflictError)); {
			case test.ours && (!errors.As(err, &failed) || failed.Outcome != PutBack || entry.UID != string(live.GetUID())):
				t.Errorf("what an attempt of ours made is not known again: %v, %+v", err, entry)
			case !test.ours && (!isConflict || entry.UID != ""):
				t.Errorf("what is somebody else's is taken for ours: %v, %+v", err, entry)
			}
		})
	}
}

package apply

import (
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// against reads these objects.
func against(objects ...client.Object) *Live {
	reader := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(objects...).Build()
	return NewHands(Claims{}, reader, nil, nil).Live
}

func pod(name string, phase corev1.PodPhase, spec corev1.PodSpec) *corev1.Pod {
	if len(spec.Containers) == 0 {
		spec.Containers = []corev1.Container{{Name: "main", Image: "registry.example/app"}}
	}
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: spec, Status: corev1.PodStatus{Phase: phase}}
}

func volume(source corev1.VolumeSource) corev1.PodSpec {
	return corev1.PodSpec{Volumes: []corev1.Volume{{Name: "v", VolumeSource: source}}}
}

// replace puts the second of each pair in the place of the first.
func replace(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

func TestWhateverALivePodNamesIsInUse(t *testing.T) {
	c := against(
		pod("pulls", corev1.PodPending, corev1.PodSpec{ImagePullSecrets: []corev1.LocalObjectReference{{Name: "registry"}}}),
		pod("mounts", corev1.PodRunning, volume(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}})),
		pod("also-mounts", corev1.PodRunning, volume(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}})),
		pod("claims", corev1.PodRunning, volume(corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}})),
		pod("runs-as", corev1.PodRunning, corev1.PodSpec{ServiceAccountName: "robot"}),
		pod("ended", corev1.PodSucceeded, volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "done"}})),
		pod("failed", corev1.PodFailed, volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "done"}})),
	)
	id := func(kind, namespace, name string) ID { return ID{Kind: kind, Namespace: namespace, Name: name} }
	got, err := c.Users(t.Context(), []ID{
		id("Secret", "ns", "registry"), id("ConfigMap", "ns", "settings"), id("PersistentVolumeClaim", "ns", "data"),
		id("ServiceAccount", "ns", "robot"), id("Secret", "ns", "done"), id("Secret", "other", "registry"), id("Secret", "ns", "settings"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[ID]string{
		id("Secret", "ns", "registry"): "Pod ns/pulls", id("ConfigMap", "ns", "settings"): "Pod ns/also-mounts",
		id("PersistentVolumeClaim", "ns", "data"): "Pod ns/claims", id("ServiceAccount", "ns", "robot"): "Pod ns/runs-as",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func TestWhatAWorkloadCannotStartWithoutIsNamed(t *testing.T) {
	c := against(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "theirs"}})
	const workload = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w, namespace: ns}\nspec:\n  replicas: REPLICAS\n  template:\n    spec:\n      containers: [{name: c, image: i, envFrom: [SOURCE], env: [ENV]}]\n"
	tests := map[string]struct{ replicas, source, env, lacks string }{
		"another's secret":           {source: "{secretRef: {name: theirs}}"},
		"one of this placement":      {source: "{secretRef: {name: db}}"},
		"one that nobody made":       {source: "{secretRef: {name: none}}", lacks: "Secret ns/none does not exist, and Deployment ns/w names it at /spec/template/spec/containers/0/envFrom/0/secretRef/name"},
		"one that it can do without": {source: "{secretRef: {name: none, optional: true}}"},
		"no replicas":                {source: "{secretRef: {name: none}}", replicas: "0"},
		"a key that the stub has":    {env: "{name: A, valueFrom: {secretKeyRef: {name: db, key: x}}}"},
		"a key that it lacks":        {env: "{name: A, valueFrom: {secretKeyRef: {name: db, key: z}}}", lacks: `Secret ns/db has no key "z", which Deployment ns/w names at /spec/template/spec/containers/0/env/0/valueFrom/secretKeyRef/name`},
		"a key of a ConfigMap":       {env: "{name: A, valueFrom: {configMapKeyRef: {name: cm, key: k}}}"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.replicas == "" {
				test.replicas = "1"
			}
			text := replace(workload, "REPLICAS", test.replicas, "SOURCE", test.source, "ENV", test.env)
			prepared := prepare(t, manifest(t, text), sealed(t, "db", "/data/x"),
				manifest(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: cm, namespace: ns}, data: {k: v}}"))
			known := map[ID]Object{}
			for _, o := range prepared {
				known[o.ID] = o
			}
			lacks, err := c.Lacks(t.Context(), prepared["Deployment/w"], known)
			if err != nil || lacks != test.lacks {
				t.Errorf("lacks %q, %v; want %q", lacks, err, test.lacks)
			}
		})
	}
}

func TestWhatRestsByGitsWordIsHealthy(t *testing.T) {
	classes := func() []client.Object {
		lazy := storagev1.VolumeBindingWaitForFirstConsumer
		return []client.Object{
			&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "lazy"}, VolumeBindingMode: &lazy},
			&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "eager"}},
		}
	}
	const claim = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: x, namespace: ns, annotations: {NOTE}}, spec: {storageClassName: CLASS}, status: {phase: Pending}}"
	const deployment = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x, namespace: ns, generation: 2}, spec: {SPEC}, status: {observedGeneration: 2, replicas: 1, updatedReplicas: 0, availableReplicas: 1, readyReplicas: 1}}"
	const job = "{apiVersion: batch/v1, kind: Job, metadata: {name: x, namespace: ns}, spec: {SPEC}, status: {STATUS}}"
	tests := map[string]struct {
		text string
		want status.Status
	}{
		"a claim that waits for its first consumer": {replace(claim, "CLASS", "lazy", "NOTE", ""), status.CurrentStatus},
		"a claim whose consumer has come":           {replace(claim, "CLASS", "lazy", "NOTE", selectedNode+": n1"), status.InProgressStatus},
		"a claim that waits for its volume":         {replace(claim, "CLASS", "eager", "NOTE", ""), status.InProgressStatus},
		"a claim without a class to be had":         {replace(claim, "CLASS", "none", "NOTE", ""), status.InProgressStatus},
		"a suspended Job":                           {replace(job, "SPEC", "suspend: true", "STATUS", ""), status.CurrentStatus},
		"a Job that runs":                           {replace(job, "SPEC", "suspend: false", "STATUS", "active: 1"), status.InProgressStatus},
		"a suspended Job that failed":               {replace(job, "SPEC", "suspend: true", "STATUS", "conditions: [{type: Failed, status: 'True'}]"), status.FailedStatus},
		"a paused Deployment":                       {replace(deployment, "SPEC", "paused: true, replicas: 1"), status.CurrentStatus},
		"a Deployment that rolls":                   {replace(deployment, "SPEC", "replicas: 1"), status.InProgressStatus},
		"a Deployment on its way to none":           {replace(deployment, "SPEC", "replicas: 0"), status.InProgressStatus},
		"a paused Deployment that nobody looked at": {replace(deployment, "SPEC", "paused: true", "observedGeneration: 2", "observedGeneration: 1"), status.InProgressStatus},
		"a Deployment of none":                      {replace(deployment, "SPEC", "replicas: 0", "replicas: 1, updated", "replicas: 0, updated", "availableReplicas: 1", "availableReplicas: 0"), status.CurrentStatus},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			live := manifest(t, test.text).Unstructured
			health, err := against(append(classes(), live.DeepCopy())...).Health(t.Context(), ID{Group: live.GroupVersionKind().Group, Kind: live.GetKind(), Namespace: "ns", Name: "x"}, live.GroupVersionKind())
			if err != nil || health.Status != test.want {
				t.Errorf("got %v, %v, want %s", health, err, test.want)
			}
		})
	}
}

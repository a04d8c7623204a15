package workload

import "slices"

// pod notes what a pod spec names (k8s.io/api/core/v1, PodSpec).
func (r *reader) pod(spec []string) {
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		r.each(join(spec, list), r.container)
	}
	r.each(join(spec, "volumes"), r.volume)
	// The kubelet tries without a pull secret that is missing.
	r.each(join(spec, "imagePullSecrets"), func(at []string) { r.name(Secret, true, at, "name") })
	// serviceAccount is the name of the same field before Kubernetes 1.0.
	for _, field := range []string{"serviceAccountName", "serviceAccount"} {
		r.name(ServiceAccount, false, spec, field)
	}
}

func (r *reader) container(at []string) {
	r.each(join(at, "envFrom"), func(at []string) {
		r.source(Secret, join(at, "secretRef"), "name", false)
		r.source(ConfigMap, join(at, "configMapRef"), "name", false)
	})
	r.each(join(at, "env"), func(at []string) {
		r.source(Secret, join(at, "valueFrom", "secretKeyRef"), "name", true)
		r.source(ConfigMap, join(at, "valueFrom", "configMapKeyRef"), "name", true)
	})
}

func (r *reader) volume(at []string) {
	r.source(Secret, join(at, "secret"), "secretName", false)
	r.source(ConfigMap, join(at, "configMap"), "name", false)
	r.source(Claim, join(at, "persistentVolumeClaim"), "claimName", false)
	r.each(join(at, "projected", "sources"), func(at []string) {
		r.source(Secret, join(at, "secret"), "name", false)
		r.source(ConfigMap, join(at, "configMap"), "name", false)
	})
	r.source(Secret, join(at, "azureFile"), "secretName", false)
	r.source(Secret, join(at, "csi", "nodePublishSecretRef"), "name", false)
	for _, driver := range []string{"cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"} {
		r.source(Secret, join(at, driver, "secretRef"), "name", false)
	}
}

// source notes what stands under a name in a source of values: optional where it
// says so, with the keys that it asks for.
func (r *reader) source(kind string, at []string, field string, keyed bool) {
	optional, _ := mapAt(r.object, at...)["optional"].(bool)
	path := join(at, field)
	t := target{kind: kind, name: textAt(r.object, path...)}
	keys := r.items(at)
	if keyed {
		keys = []string{textAt(r.object, join(at, "key")...)}
	}
	if len(keys) == 0 {
		keys = []string{""}
	}
	for _, key := range keys {
		r.note(t, optional, key, path)
	}
}

// items are the keys that a volume's items choose.
func (r *reader) items(at []string) []string {
	var keys []string
	r.each(join(at, "items"), func(at []string) { keys = append(keys, textAt(r.object, join(at, "key")...)) })
	return keys
}

// certificate notes a Gateway's certificate: a Secret unless it says otherwise,
// possibly of another namespace (Gateway API, SecretObjectReference).
func (r *reader) certificate(at []string) {
	group, kind := textAt(r.object, join(at, "group")...), textAt(r.object, join(at, "kind")...)
	if group != "" || kind != "" && kind != Secret {
		return
	}
	path := join(at, "name")
	t := target{kind: Secret, namespace: textAt(r.object, join(at, "namespace")...), name: textAt(r.object, path...)}
	r.note(t, false, "", path)
}

func join(path []string, more ...string) []string { return append(slices.Clone(path), more...) }

package fleet

// MaxDeliveries bounds how often one stub is wired.
const MaxDeliveries = 64

// DeliverAs names a workload and how its containers get the Secret: exactly one
// of Env and Volume.
type DeliverAs struct {
	Workload WorkloadReference `json:"workload"`
	// Containers are those that get it, init containers among them. Without a
	// name it is all containers, and no init container.
	Containers []string `json:"containers,omitempty"`
	// Env gives it as environment variables.
	Env *DeliverEnv `json:"env,omitempty"`
	// Volume mounts it, read-only and from memory.
	Volume *DeliverVolume `json:"volume,omitempty"`
}

// WorkloadReference names a workload as its file does, before kustomize renames
// it. It stands in the stub's namespace.
type WorkloadReference struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// DeliverEnv is every key as a variable of its name (envFrom), or with Keys those
// alone (env).
type DeliverEnv struct {
	// Keys are the variables by the Secret's keys.
	Keys map[string]string `json:"keys,omitempty"`
	// Prefix goes before the name of every variable; not with Keys.
	Prefix string `json:"prefix,omitempty"`
	// Optional: the pod starts without the Secret, or without a key of it.
	Optional bool `json:"optional,omitempty"`
}

// DeliverVolume is a folder with a file for each key. There is no subPath: the
// kubelet never renews what is mounted so.
type DeliverVolume struct {
	// MountPath is the folder in the container: absolute, in its one spelling.
	MountPath string `json:"mountPath"`
	// Items are the keys that become files, where not all do.
	Items []DeliverItem `json:"items,omitempty"`
	// DefaultMode of the files, in octal with a leading zero, as "0400": Kubernetes'
	// own 0644 where it is empty.
	DefaultMode string `json:"defaultMode,omitempty"`
}

// DeliverItem is one key as a file.
type DeliverItem struct {
	Key string `json:"key"`
	// Path of the file below the mount path.
	Path string `json:"path"`
	// Mode of the file, as DefaultMode is written.
	Mode string `json:"mode,omitempty"`
}

// Keys are the keys of the Secret that the stub becomes, sealed and public,
// sorted. The stub has parsed.
func (m *SealedManifest) Keys() []string {
	template := new(SecretTemplate)
	if decodeTemplate(m.Spec.Template, template) != nil {
		return nil
	}
	return template.keys(m.Spec.fields())
}

package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// names are the variables that an entry gives, by the keys.
func (w *wired) names() map[string]string {
	if w.delivery.Env.Keys != nil {
		return w.delivery.Env.Keys
	}
	names := map[string]string{}
	for _, key := range w.stub.Keys {
		names[key] = w.delivery.Env.Prefix + key
	}
	return names
}

// claim refuses a variable that stands there already, written or wired.
func (w *wired) claim(t *target, c *container) *Problem {
	names := w.names()
	for _, key := range slices.Sorted(maps.Keys(names)) {
		name := names[key]
		if place, ok := c.variables[name]; ok {
			return w.problem(name, "container %q of %s at %s has the variable %q already, from %s; "+
				"hint: keep one, or give another name with keys: {%s: NAME}%s",
				c.name, w.workload(), t.document.place(), name, place, key, w.orPrefix())
		}
		c.variables[name] = w.place()
	}
	return nil
}

func (w *wired) orPrefix() string {
	if w.delivery.Env.Keys != nil {
		return ""
	}
	return " or a prefix"
}

// variables writes an entry of env for each key. They go behind what is there: a
// patch by index hits what it was written for.
func (w *wired) variables(t *target, c *container) *Problem {
	if problem := w.claim(t, c); problem != nil {
		return problem
	}
	if problem := w.expanded(t, c); problem != nil {
		return problem
	}
	env := list(c.node, "env")
	if env == nil {
		return w.wrongList(t, c.node, "env")
	}
	for _, variable := range w.envOf(w.stub.Name) {
		env.Content = append(env.Content, nodeOf(variable))
	}
	return nil
}

// envOf is what env has of a Secret of that name.
func (w *wired) envOf(secret string) []any {
	var env []any
	keys := w.delivery.Env.Keys
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		source := w.source("name", secret)
		source["key"] = key
		env = append(env, map[string]any{"name": keys[key], "valueFrom": map[string]any{"secretKeyRef": source}})
	}
	return env
}

func (w *wired) source(field, secret string) map[string]any {
	source := map[string]any{field: secret}
	if w.delivery.Env != nil && w.delivery.Env.Optional {
		source["optional"] = true
	}
	return source
}

// expanded refuses $(NAME) in a value that stands before the variable: Kubernetes
// would leave it as it is written, and say nothing.
func (w *wired) expanded(t *target, c *container) *Problem {
	for _, name := range slices.Sorted(maps.Values(w.delivery.Env.Keys)) {
		for _, variable := range items(c.node, "env") {
			if strings.Contains(text(variable, "value"), "$("+name+")") {
				return w.problem(name, "variable %q at %s uses $(%s), and a variable that is wired by its key stands behind it; "+
					"hint: leave keys out, so that all come first (envFrom), or write the variable in the workload",
					text(variable, "name"), t.place(variable), name)
			}
		}
	}
	return nil
}

// from writes the Secret into envFrom.
func (w *wired) from(t *target, c *container) *Problem {
	for _, source := range items(c.node, "envFrom") {
		if text(source, "secretRef", "name") == w.stub.Name && text(source, "prefix") == w.delivery.Env.Prefix {
			return w.problem(w.stub.Name, "container %q of %s has all of Secret %q already, at %s; hint: take one of the two "+
				"out",
				c.name, w.workload(), w.stub.Name, t.place(source))
		}
	}
	if problem := w.claim(t, c); problem != nil {
		return problem
	}
	env := list(c.node, "envFrom")
	if env == nil {
		return w.wrongList(t, c.node, "envFrom")
	}
	env.Content = append(env.Content, nodeOf(w.fromOf(w.stub.Name)))
	return nil
}

func (w *wired) fromOf(secret string) map[string]any {
	from := map[string]any{"secretRef": w.source("name", secret)}
	if prefix := w.delivery.Env.Prefix; prefix != "" {
		from["prefix"] = prefix
	}
	return from
}

// addVolume writes the volume, by the name of the stub.
func (w *wired) addVolume(t *target, p *pod) *Problem {
	if w.volume == "" {
		w.volume = w.freeVolume(t)
	}
	if place, ok := p.volumes[w.volume]; ok {
		return w.problem(w.volume, "%s at %s has a volume %q already, from %s; "+
			"hint: rename that one, or mount it in the workload and take this entry out",
			w.workload(), t.document.place(), w.volume, place)
	}
	p.volumes[w.volume] = w.place()
	volumes := list(p.spec, "volumes")
	if volumes == nil {
		return w.wrongList(t, p.spec, "volumes")
	}
	volumes.Content = append(volumes.Content, nodeOf(w.volumeOf(w.stub.Name)))
	return nil
}

// freeVolume has a number where the same Secret is mounted again.
func (w *wired) freeVolume(t *target) string {
	name := volumeName(w.stub.Name)
	own := func(p *pod) bool { return strings.HasPrefix(p.volumes[name], w.stub.File+":") }
	for n := 2; slices.ContainsFunc(t.pods, own); n++ {
		name = volumeName(fmt.Sprintf("%s-%d", w.stub.Name, n))
	}
	return name
}

func (w *wired) volumeOf(secret string) map[string]any {
	v := w.delivery.Volume
	source := w.source("secretName", secret)
	if v.DefaultMode != "" {
		source["defaultMode"] = mode(v.DefaultMode)
	}
	var files []any
	for _, item := range v.Items {
		file := map[string]any{"key": item.Key, "path": item.Path}
		if item.Mode != "" {
			file["mode"] = mode(item.Mode)
		}
		files = append(files, file)
	}
	if files != nil {
		source["items"] = files
	}
	return map[string]any{"name": w.volume, "secret": source}
}

// mode of a file, parsed before: octal.
func mode(text string) int64 {
	n, _ := strconv.ParseInt(text, 8, 32)
	return n
}

// volumeName is the name of a Secret as one of a volume, which has no dots and is
// shorter.
func volumeName(secret string) string {
	const longest = 63
	if len(secret) <= longest && !strings.Contains(secret, ".") {
		return secret
	}
	sum := sha256.Sum256([]byte(secret))
	short := strings.ReplaceAll(secret, ".", "-")
	return strings.TrimRight(short[:min(len(short), longest-9)], "-") + "-" + hex.EncodeToString(sum[:4])
}

// mount writes the mount of the volume into a container.
func (w *wired) mount(t *target, c *container) *Problem {
	folder := w.delivery.Volume.MountPath
	if mount, place := c.inTheWay(folder); mount != "" {
		how := "at the same path"
		if mount != folder {
			how = "and one of the two is inside of the other"
		}
		return w.problem(mount, "container %q of %s at %s has a mount at %s already, from %s, %s; hint: choose another "+
			"mountPath",
			c.name, w.workload(), t.document.place(), mount, place, how)
	}
	c.mounts[folder] = w.place()
	mounts := list(c.node, "volumeMounts")
	if mounts == nil {
		return w.wrongList(t, c.node, "volumeMounts")
	}
	mounts.Content = append(mounts.Content, nodeOf(w.mountOf()))
	return nil
}

func (w *wired) mountOf() map[string]any {
	return map[string]any{"name": w.volume, "mountPath": w.delivery.Volume.MountPath, "readOnly": true}
}

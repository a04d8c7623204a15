package wire

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"

	"github.com/bulla-dev/bulla/api/closest"
)

// target is a document that is wired.
type target struct {
	document *Document
	pods     []*pod
}

// pod is one of its pod templates.
type pod struct {
	spec       *yaml.Node
	containers []*container
	// volumes by name, each with the place where it is written.
	volumes map[string]string
}

type container struct {
	node *yaml.Node
	name string
	init bool
	// variables and mounts, each with the place where it is written.
	variables, mounts map[string]string
}

// tokenPath is where Kubernetes mounts the service account's token: a folder that
// is mounted over it, or read-only around it, keeps the pod from starting.
const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount" //nolint:gosec // a path

func newTarget(d *Document) *target {
	t := &target{document: d}
	for _, p := range templates(d.Node) {
		spec := at(d.Node, append(slices.Clone(p), "spec")...)
		one := &pod{spec: spec, volumes: map[string]string{}}
		for _, volume := range items(spec, "volumes") {
			one.volumes[text(volume, "name")] = t.place(volume)
		}
		for _, list := range []string{"containers", "initContainers"} {
			for _, node := range items(spec, list) {
				if node = followed(node); node.Kind == yaml.MappingNode {
					one.containers = append(one.containers, t.container(node, list == "initContainers"))
				}
			}
		}
		t.pods = append(t.pods, one)
	}
	return t
}

func (t *target) container(node *yaml.Node, init bool) *container {
	c := &container{node: node, name: text(node, "name"), init: init, variables: map[string]string{},
		mounts: map[string]string{}}
	for _, variable := range items(node, "env") {
		c.variables[text(variable, "name")] = t.place(variable)
	}
	c.mounts[tokenPath] = "Kubernetes itself, for the service account's token"
	for _, mount := range items(node, "volumeMounts") {
		c.mounts[path.Clean(text(mount, "mountPath"))] = t.place(mount)
	}
	return c
}

func (t *target) place(node *yaml.Node) string {
	return fmt.Sprintf("%s:%d", t.document.File, node.Line)
}

// write wires an entry into a document. number is what the document is marked with.
func (w *wired) write(targets map[*yaml.Node]*target, d *Document, number int) *Problem {
	t, ok := targets[d.Node]
	if !ok {
		// An alias shares its node with others, which would be wired along.
		if err := yaml.NewRNode(d.Node).DeAnchor(); err != nil {
			return w.problem("", "%s at %s cannot be read: %v", w.workload(), d.place(), err)
		}
		t = newTarget(d)
		targets[d.Node] = t
	}
	if len(t.pods) == 0 {
		return w.problem("", "%s at %s has no pod template with containers", w.workload(), d.place())
	}
	if problem := w.known(t); problem != nil {
		return problem
	}
	if text(d.Node, "metadata", "annotations", Mark) != "" && !ok {
		return w.problem("", "%s at %s has the annotation %s, which is bulla's own", w.workload(), d.place(), Mark)
	}
	for _, p := range t.pods {
		chosen := w.chosen(p)
		if len(chosen) == 0 {
			continue
		}
		if problem := w.into(t, p, chosen); problem != nil {
			return problem
		}
		for _, c := range chosen {
			if !slices.Contains(w.containers, c.name) {
				w.containers = append(w.containers, c.name)
			}
		}
	}
	return w.mark(d, number)
}

// known refuses names that no container has.
func (w *wired) known(t *target) *Problem {
	var names []string
	for _, p := range t.pods {
		for _, c := range p.containers {
			names = append(names, c.name)
		}
	}
	for _, name := range w.delivery.Containers {
		if !slices.Contains(names, name) {
			return w.problem("", "%s at %s has no container %q; hint: %sit has %s", w.workload(), t.document.place(), name,
				closest.Hint(name, names), strings.Join(names, ", "))
		}
	}
	return nil
}

// chosen are the containers of a pod that an entry means.
func (w *wired) chosen(p *pod) []*container {
	var chosen []*container
	for _, c := range p.containers {
		named := slices.Contains(w.delivery.Containers, c.name)
		if named || len(w.delivery.Containers) == 0 && !c.init {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

func (w *wired) into(t *target, p *pod, chosen []*container) *Problem {
	if w.delivery.Volume != nil {
		if problem := w.addVolume(t, p); problem != nil {
			return problem
		}
	}
	for _, c := range chosen {
		var problem *Problem
		switch {
		case w.delivery.Volume != nil:
			problem = w.mount(t, c)
		case w.delivery.Env.Keys != nil:
			problem = w.variables(t, c)
		default:
			problem = w.from(t, c)
		}
		if problem != nil {
			return problem
		}
	}
	return nil
}

// wrongList is about a field that is no list.
func (w *wired) wrongList(t *target, mapping *yaml.Node, field string) *Problem {
	return w.problem(field, "%s of %s at %s is not a list", field, w.workload(), t.place(mapping))
}

// mark notes on the workload that it is wired.
func (w *wired) mark(d *Document, number int) *Problem {
	metadata := at(d.Node, "metadata")
	annotations := entry(metadata, "annotations")
	if annotations == nil {
		annotations = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		metadata.Content = append(metadata.Content, scalar("annotations"), annotations)
	}
	if annotations.Kind != yaml.MappingNode {
		if annotations.ShortTag() != "!!null" {
			return w.problem("annotations", "%s at %s has annotations that are no mapping", w.workload(), d.place())
		}
		*annotations = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: annotations.Line}
	}
	if marked := entry(annotations, Mark); marked != nil {
		marked.Value += fmt.Sprintf(" %d", number)
		return nil
	}
	annotations.Content = append(annotations.Content, scalar(Mark), scalar(fmt.Sprint(number)))
	return nil
}

// inTheWay is the mount that a folder would cover, or be covered by.
func (c *container) inTheWay(folder string) (mount, place string) {
	for _, mount := range slices.Sorted(maps.Keys(c.mounts)) {
		if api.Within(mount, folder) || api.Within(folder, mount) {
			return mount, c.mounts[mount]
		}
	}
	return "", ""
}

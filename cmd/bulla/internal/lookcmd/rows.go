package lookcmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/internal/render"
)

// column is one of a list: what it is called, and what an object has there.
type column struct {
	name string
	of   func(unstructured.Unstructured) string
}

// columns are those of Flux, by the kind; wide ones come after them.
var columns, wide = map[string][]column{
	kube.FleetSync:      {{"REVISION", at("status", "head")}, suspended, ready, message},
	kube.Delivery:       {{"REVISION", at("status", "lastAppliedRevision")}, suspended, ready, message},
	kube.SealedManifest: {{"DELIVERY", at("status", "delivery")}, ready, message},
}, map[string][]column{
	kube.FleetSync: {
		{"CLUSTER", at("spec", "clusterName")}, {"PLACEMENTS", at("status", "placements")},
		{"CERTIFICATE UNTIL", at("status", "certificateNotAfter")}, {"NEXT LOOK", at("status", "nextLook")}, age,
	},
	kube.Delivery: {
		{"REASON", func(o unstructured.Unstructured) string { return condition(o, "ready").reason }},
		{"OBJECTS", at("status", "objects")}, {"SECRETS", at("status", "secrets")},
		{"BUILD", at("status", "appliedBuildDigest")}, age,
	},
	kube.SealedManifest: {age},
}

var (
	ready     = column{"READY", func(o unstructured.Unstructured) string { return condition(o, "ready").status }}
	message   = column{"MESSAGE", func(o unstructured.Unstructured) string { return condition(o, "ready").message }}
	suspended = column{"SUSPENDED", func(o unstructured.Unstructured) string {
		is, _, _ := unstructured.NestedBool(o.Object, "spec", "suspend")
		return map[bool]string{true: "True", false: "False"}[is] // as Flux writes it
	}}
	age = column{"AGE", func(o unstructured.Unstructured) string {
		return duration.HumanDuration(clock.RealClock{}.Since(o.GetCreationTimestamp().Time))
	}}
)

// at is a field as a text, "" where there is none.
func at(fields ...string) func(unstructured.Unstructured) string {
	return func(o unstructured.Unstructured) string {
		value, ok, err := unstructured.NestedFieldNoCopy(o.Object, fields...)
		if err != nil || !ok {
			return ""
		}
		return fmt.Sprint(value)
	}
}

// said is a condition.
type said struct{ status, reason, message string }

// condition finds one by its type in any case; what nobody said is Unknown.
func condition(o unstructured.Unstructured, kind string) said {
	all, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, one := range all {
		c, _ := one.(map[string]any)
		text := func(field string) string { s, _ := c[field].(string); return s }
		if strings.EqualFold(text("type"), kind) {
			return said{text("status"), text("reason"), text("message")}
		}
	}
	return said{status: "Unknown"}
}

// table lists the objects of one kind.
func (f *getFlags) table(of found) render.Table {
	var t render.Table
	named := columns[of.kind]
	if f.format == render.Wide {
		named = append(named[:len(named):len(named)], wide[of.kind]...)
	}
	t.Header = []string{"NAME"}
	if f.all {
		t.Header = []string{"NAMESPACE", "NAME"}
	}
	for _, c := range named {
		t.Header = append(t.Header, c.name)
	}
	for _, o := range of.items {
		name := o.GetName()
		if f.kindNamed {
			name = strings.ToLower(of.kind) + "/" + name
		}
		row := []string{name}
		if f.all {
			row = []string{o.GetNamespace(), name}
		}
		for _, c := range named {
			row = append(row, c.of(o))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// print writes what was found. Tables of several kinds have an empty line between.
func (f *getFlags) print(w io.Writer, all []found, header bool) error {
	switch f.format {
	case render.Name:
		for _, of := range all {
			for _, o := range of.items {
				fmt.Fprintf(w, "%s.bulla.dev/%s\n", strings.ToLower(of.kind), render.Printable(o.GetName()))
			}
		}
		return nil
	case render.JSON, render.YAML:
		return f.whole(w, all)
	}
	printed := false
	for _, of := range all {
		if len(of.items) == 0 {
			continue
		}
		if printed {
			fmt.Fprintln(w)
		}
		t := f.table(of)
		if f.noHeader || !header {
			t.Header = nil
		}
		if err := render.Text.Print(w, nil, t); err != nil {
			return err
		}
		printed = true
	}
	return nil
}

// whole writes objects as kubectl does: one that was named by itself, others as a List.
func (f *getFlags) whole(w io.Writer, all []found) error {
	var items []any
	for _, of := range all {
		for _, o := range of.items {
			unstructured.RemoveNestedField(o.Object, "metadata", "managedFields")
			items = append(items, o.Object)
		}
	}
	var data any = map[string]any{"apiVersion": "v1", "kind": "List", "items": append([]any{}, items...)}
	if len(items) == 1 && (len(f.names) == 1 || f.watch) {
		data = items[0]
	}
	text, err := json.MarshalIndent(data, "", "  ")
	if err == nil && f.format == render.YAML {
		text, err = yaml.JSONToYAML(text)
	}
	if err != nil {
		return err
	}
	if f.watch && f.format == render.YAML {
		fmt.Fprintln(w, "---")
	}
	_, err = fmt.Fprintln(w, strings.TrimRight(string(text), "\n"))
	return err
}

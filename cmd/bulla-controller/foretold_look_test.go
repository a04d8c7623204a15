package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/plan"
)

// deeds are what becomes of objects, in words, by their names; a restart stands beside
// what becomes of its workload.
type deeds map[string]deed

type deed string

// word is what a deed is, without of what.
func (d deed) word() string {
	word, _, _ := strings.Cut(string(d), " ")
	return word
}

// picture is what of the fleet lives in the application's namespace, by name.
type picture map[string]standing

type standing struct {
	uid   types.UID
	owner string
	// data are the values of a Secret by field, body is what else somebody wrote.
	data map[string]string
	body map[string]any
	// pods is the ReplicaSet that a Deployment's pods are of.
	pods types.UID
}

// look takes a picture.
func (f *foretoldWorld) look() picture {
	f.Helper()
	all := picture{}
	for _, gvk := range []schema.GroupVersionKind{corev1.SchemeGroupVersion.WithKind("Secret"),
		corev1.SchemeGroupVersion.WithKind("ConfigMap"), appsv1.SchemeGroupVersion.WithKind("Deployment")} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk)
		if err := f.client.List(f.Context(), list, client.InNamespace(f.app),
			client.HasLabels{v1alpha1.OwnerLabel}); err != nil {
			f.Fatal(err)
		}
		for i := range list.Items {
			all[gvk.Kind+" "+list.Items[i].GetName()] = standingOf(&list.Items[i])
		}
	}
	sets := &appsv1.ReplicaSetList{}
	if err := f.client.List(f.Context(), sets, client.InNamespace(f.app)); err != nil {
		f.Fatal(err)
	}
	for _, set := range sets.Items {
		if set.Spec.Replicas == nil || *set.Spec.Replicas == 0 {
			continue
		}
		for _, owner := range set.OwnerReferences {
			if s, ok := all["Deployment "+owner.Name]; ok && s.uid == owner.UID {
				s.pods = set.UID
				all["Deployment "+owner.Name] = s
			}
		}
	}
	return all
}

// standingOf leaves out what the controller and the API server add.
func standingOf(o *unstructured.Unstructured) standing {
	s := standing{uid: o.GetUID(), owner: o.GetLabels()[v1alpha1.OwnerLabel], data: map[string]string{}}
	if o.GetKind() == "Secret" {
		data, _, _ := unstructured.NestedStringMap(o.Object, "data")
		for key, value := range data {
			s.data["/data/"+key] = value
		}
		delete(o.Object, "data")
	}
	labels := o.GetLabels()
	maps.DeleteFunc(labels, func(key, _ string) bool { return strings.HasPrefix(key, "bulla.dev/") })
	o.Object["metadata"] = map[string]any{"labels": labels}
	delete(o.Object, "status")
	unstructured.RemoveNestedField(o.Object, "spec", "template", "metadata", "annotations")
	s.body = o.Object
	return s
}

// became says what happened between two pictures.
func (p picture) became(now picture) deeds {
	did := deeds{}
	for key, is := range now {
		was, stood := p[key]
		switch {
		case !stood:
			did[key] = deed(strings.TrimSpace("added by " + is.owner + " " + fields(nil, is.data)))
			continue
		case was.owner != is.owner:
			did[key] = deed("moved from " + was.owner + " to " + is.owner)
		case fields(was.data, is.data) != "" || !reflect.DeepEqual(was.body, is.body):
			did[key] = deed(strings.TrimSpace("changed by " + is.owner + " " + fields(was.data, is.data)))
		}
		if was.uid != is.uid {
			did[key] += ", made anew"
		} else if was.pods != is.pods {
			did["pods of "+key] = "restarted"
		}
	}
	for key, was := range p {
		if _, stands := now[key]; !stands {
			did[key] = deed("removed from " + was.owner)
		}
	}
	return did
}

// fields are those with another value, or none.
func fields(was, is map[string]string) string {
	var all []string
	for field, value := range is {
		if old, had := was[field]; !had || old != value {
			all = append(all, field)
		}
	}
	for field := range was {
		if _, has := is[field]; !has {
			all = append(all, field)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// told is what a plan says of this cluster, in the same words. It is not whole where
// something is blocked, or stays for now.
func (f *foretoldWorld) told(p *plan.Plan) (told deeds, whole bool) {
	told, whole = deeds{}, !p.Blocked() && len(p.MissingLocks) == 0
	shut := map[string]bool{}
	if p.Blocked() {
		f.met["blocked"]++
	}
	for _, m := range p.MissingLocks {
		f.met["shut"]++
		shut[m.Placement] = shut[m.Placement] || slices.Contains(m.On.Names, "prod-eu")
	}
	for _, c := range p.ClusterFiles {
		whole = whole && !slices.Contains(c.On.Names, "prod-eu")
	}
	for _, d := range p.Deliveries {
		if !slices.Contains(d.On.Names, "prod-eu") {
			continue
		}
		if shut[d.Placement] { // it comes whole or not at all
			whole = false
			continue
		}
		if d.Before != d.After {
			f.met["of another variant"]++
		}
		holds := f.holds(d)
		whole = whole && !holds
		for _, o := range d.Objects {
			key := o.Object.Kind + " " + o.Object.Name
			switch {
			case o.Change == plan.Removed:
				if why := stays(d.Prune, o, holds); why != "" {
					f.met[why]++
					whole = false
					continue
				}
				told[key] = deed("removed from " + d.Placement)
				if d.Prune != nil && len(d.Prune.Consented) > 0 {
					f.met["consented"]++
				}
			case holds:
			case o.Change == plan.Moved:
				told[key] = deed("moved from " + o.Other + " to " + d.Placement)
			default:
				told[key] = deed(strings.TrimSpace(fmt.Sprintf("%s by %s %s", o.Change, d.Placement, strings.Join(o.Fields, " "))))
			}
		}
		if holds {
			continue
		}
		for _, o := range d.Restarts {
			told["pods of "+o.Kind+" "+o.Name] = "restarted"
		}
	}
	return told, whole
}

// stays says by what an object that Git dropped stays, "" where it goes. All of them are
// in one namespace: what keeps one keeps all.
func stays(p *plan.Prune, o plan.ObjectChange, holds bool) string {
	switch {
	case strings.Contains(o.Stays, " the change"):
		if holds {
			return "waiting with a change"
		}
	case strings.HasSuffix(o.Stays, " names it"):
		return "in use"
	case o.Stays != "":
		return "suspended"
	}
	switch {
	case p.Kept > 0:
		return "kept"
	case p.Held:
		return "held"
	case p.Stays != "" && o.Stub == "":
		return "unpruned"
	}
	return ""
}

// granted takes what a plan says that the cluster may open into opens.
func (f *foretoldWorld) granted(p *plan.Plan, next testfleet.Files) {
	f.Helper()
	for _, g := range p.Grants {
		if !slices.Contains(g.On.Names, "prod-eu") {
			continue
		}
		for _, c := range g.Changes {
			for _, field := range c.Fields {
				key := c.Object.Name + field
				if c.Change == plan.Lost {
					delete(f.opens, c.Placement+" "+key)
					continue
				}
				delete(f.opens, c.From+" "+key)
				f.opens[c.Placement+" "+key] = f.values[f.payload(next[c.Stub], field)]
			}
		}
	}
}

func (f *foretoldWorld) payload(file, field string) string {
	f.Helper()
	stub, err := api.ParseSealedManifest("stub.yaml", []byte(file))
	if err != nil {
		f.Fatal(err)
	}
	for _, block := range stub.Spec.Blocks {
		if slices.Contains(block.Fields, field) {
			return block.Payload
		}
	}
	f.Fatalf("no block has %s", field)
	return ""
}

// keyed are the values that live, by the names that grants have.
func (f *foretoldWorld) keyed(now picture) map[string]string {
	all := map[string]string{}
	for key, s := range now {
		for field, value := range s.data {
			all[s.owner+" "+strings.TrimPrefix(key, "Secret ")+field] = value
		}
	}
	return all
}

// spell is a plan for who reads why a test failed; no plan has a value.
func spell(p *plan.Plan) string {
	text, err := json.Marshal(p)
	return cmp.Or(string(text), fmt.Sprint(err))
}

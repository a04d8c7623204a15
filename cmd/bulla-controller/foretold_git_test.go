package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

const clusterFile = "clusters/prod-eu.yaml"

var (
	foretoldApps    = []string{"shop", "store", "third"}
	foretoldObjects = []string{"conf", "rules", "texts", "extra", "more", "db", "mail", "api", "worker"}
	// reads says which Secret a workload has, and goes with.
	reads = map[string]string{"api": "db", "worker": "mail"}
)

func (f *foretoldWorld) placement(app, more string) string {
	return testfleet.Placement(app, "apps/"+app, f.app, "{clusterSet: retail}") + more
}

// object is the file of the next version of an object.
func (f *foretoldWorld) object(name string) string {
	version := f.random.IntN(1000)
	switch name {
	case "db", "mail":
		return f.seal(name, "set/retail", "set/others")
	case "api", "worker":
		return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, labels: {version: "%[3]d"}}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      containers:
      - {name: %[1]s, image: "registry.example/%[1]s:%[4]d", envFrom: [{secretRef: {name: %[2]s}}]}
`, name, reads[name], version, f.random.IntN(2))
	}
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {version: \"%d\"}\n", name, version)
}

// seal seals two values; now and then only one of them is another than before.
func (f *foretoldWorld) seal(name string, targets ...string) string {
	f.Helper()
	f.sealed++
	values := map[string]string{"user": fmt.Sprint("user ", f.sealed), "password": fmt.Sprint("password ", f.sealed)}
	stub, err := testfleet.SealerOf(f, &f.fleet.Spec).Seal(testfleet.Secret{Namespace: f.app, Name: name, Targets: targets,
		Values: values})
	if err != nil {
		f.Fatal(err)
	}
	if old := f.stub(name); old != nil && len(targets) > 1 && f.random.IntN(2) == 0 {
		stub.Spec.Blocks[0] = old.Spec.Blocks[0]
	}
	for _, block := range stub.Spec.Blocks {
		if f.values[block.Payload] == "" {
			value := values[strings.TrimPrefix(block.Fields[0], "/data/")]
			f.values[block.Payload] = base64.StdEncoding.EncodeToString([]byte(value))
		}
	}
	return f.yaml(stub)
}

func (f *foretoldWorld) yaml(stub *api.SealedManifest) string {
	f.Helper()
	text, err := yaml.Marshal(stub)
	if err != nil {
		f.Fatal(err)
	}
	return string(text)
}

// stub is the one that stands under a name; nil for none.
func (f *foretoldWorld) stub(name string) *api.SealedManifest {
	app := appOf(f.files, name)
	if app == "" {
		return nil
	}
	stub, err := api.ParseSealedManifest(name, []byte(f.files[file(app, name)]))
	if err != nil {
		f.Fatal(err)
	}
	return stub
}

func file(app, name string) string { return "apps/" + app + "/" + name + ".yaml" }

// appOf is the folder that has an object, "" for none.
func appOf(files testfleet.Files, name string) string {
	for _, app := range foretoldApps {
		if files[file(app, name)] != "" {
			return app
		}
	}
	return ""
}

func (f *foretoldWorld) pick(texts ...string) string { return texts[f.random.IntN(len(texts))] }

// change is what happens next: a few things that a cluster takes, or one that it does not
// take whole.
func (f *foretoldWorld) change() (what string, next testfleet.Files) {
	next = maps.Clone(f.files)
	if f.step%3 == 2 && len(objectsOf(next, largest(next)[1])) > 0 {
		return f.trouble(next), next
	}
	all := f.grows(next)
	for range 1 + f.random.IntN(3) {
		all = append(all, f.work(next))
	}
	all = append(all, emptied(next)...)
	return strings.Join(all, ", "), next
}

// grows has objects come that are nowhere, before there are too few for the guard to hold.
func (f *foretoldWorld) grows(next testfleet.Files) (all []string) {
	const enough = 5
	app := largest(next)[0]
	for _, name := range foretoldObjects {
		if n := len(objectsOf(next, app)); f.step%3 == 1 && n < enough && appOf(next, name) == "" {
			all = append(all, f.returns(next, name, app))
		}
	}
	return all
}

// emptied takes placements away that have nothing left: a folder that is not there does not
// build, and that is one of the troubles.
func emptied(next testfleet.Files) (leave []string) {
	for _, app := range foretoldApps {
		if file := "placements/" + app + ".yaml"; next[file] != "" && len(objectsOf(next, app)) == 0 {
			delete(next, file)
			leave = append(leave, app+" has nothing left, and leaves")
		}
	}
	return leave
}

func (f *foretoldWorld) work(next testfleet.Files) (what string) {
	name := f.pick(foretoldObjects...)
	from, to := appOf(next, name), f.pick(foretoldApps...)
	switch n := f.random.IntN(14); {
	case from == "" || next["placements/"+from+".yaml"] == "":
		return f.returns(next, name, to)
	case n < 4:
		next[file(from, name)] = f.object(name)
		return "another " + name
	case n < 6:
		return f.drops(next, name)
	case n < 9 && from != to:
		return f.moves(next, name, from, to)
	case n == 9:
		next[file(from, name)] += "# a word\n"
		return "a comment in " + name
	case n == 10:
		return f.relocks(next, f.pick("db", "mail"))
	case n > 11:
		return f.paced(next, from, name)
	}
	for _, object := range foretoldObjects { // what others read goes with its readers
		if appOf(next, object) == to {
			f.drops(next, object)
		}
	}
	delete(next, "placements/"+to+".yaml")
	return to + " leaves"
}

// returns places an object, and what it reads.
func (f *foretoldWorld) returns(next testfleet.Files, name, to string) string {
	for _, object := range []string{name, reads[name]} {
		if object != "" && appOf(next, object) == "" {
			next[file(to, object)] = f.object(object)
			next["placements/"+to+".yaml"] = f.placement(to, "")
		}
	}
	return name + " comes to " + to
}

// drops takes an object away, and who reads it.
func (f *foretoldWorld) drops(next testfleet.Files, name string) string {
	for object, read := range reads {
		if app := appOf(next, object); read == name && app != "" {
			delete(next, file(app, object))
		}
	}
	delete(next, file(appOf(next, name), name))
	return name + " goes"
}

func (f *foretoldWorld) moves(next testfleet.Files, name, from, to string) string {
	next[file(to, name)] = next[file(from, name)]
	delete(next, file(from, name))
	next["placements/"+to+".yaml"] = f.placement(to, "")
	return fmt.Sprintf("%s moves from %s to %s", name, from, to)
}

// relocks takes a lock of others away: nothing of it is for the cluster.
func (f *foretoldWorld) relocks(next testfleet.Files, name string) string {
	app := appOf(next, name)
	if app == "" {
		return "nothing"
	}
	stub, err := api.ParseSealedManifest(name, []byte(next[file(app, name)]))
	if err != nil {
		f.Fatal(err)
	}
	for i, block := range stub.Spec.Blocks {
		stub.Spec.Blocks[i].Locks = slices.DeleteFunc(block.Locks, func(l api.Lock) bool { return l.Target == "set/others" })
	}
	next[file(app, name)] = f.yaml(stub)
	return "fewer locks of " + name
}

// trouble is what the cluster does not take whole, one kind after the other: it is taken
// back afterwards.
func (f *foretoldWorld) trouble(next testfleet.Files) string {
	apps := largest(next)
	app, other := apps[0], apps[1]
	f.troubles++
	switch f.troubles % 13 {
	case 0:
		for _, object := range objectsOf(next, app) {
			f.drops(next, object)
		}
		next[file(app, "last")] = f.object("last")
		return "nearly everything of " + app + " goes"
	case 1:
		for _, name := range []string{"db", "mail"} {
			if from := appOf(next, name); from != "" {
				next[file(from, name)] = f.seal(name, "set/others")
				return name + " has no lock for the cluster"
			}
		}
	case 2:
		next["apps/"+other+"/kustomization.yaml"] = "resources: [nowhere.yaml]\n"
		return other + " does not build"
	case 3:
		next["apps/"+other+"/kustomization.yaml"] = "resources: [nowhere.yaml]\n"
		return other + " does not build, and " + f.drops(next, f.pick(objectsOf(next, app)...))
	case 4:
		for _, object := range objectsOf(next, other) {
			f.moves(next, object, other, app)
		}
		return "everything of " + other + " moves to " + app + ", and its folder is empty"
	case 5:
		next[clusterFile] = strings.Replace(next[clusterFile], "spec:\n", "spec:\n  suspend: true\n", 1)
		return "the cluster is suspended, and " + f.work(next)
	case 6:
		return f.waits(next, app, closedWindow())
	case 7:
		return f.waits(next, app, secondWave)
	case 8:
		return f.waits(next, app, pausedWaves)
	case 9:
		return f.consented(next, app)
	case 10:
		next["placements/"+app+".yaml"] = f.placement(app, "  suspend: true\n")
		return app + " is suspended, and " + f.drops(next, f.pick(objectsOf(next, app)...))
	case 11: // who reads it goes from Git, and runs on
		next["placements/"+app+".yaml"] = f.placement(app, "  prune: false\n")
		return app + " is not pruned, and " + f.drops(next, f.named(next, app))
	}
	next["placements/"+app+".yaml"] = f.placement(app, "  prune: false\n")
	return app + " is not pruned, and " + f.drops(next, f.pick(objectsOf(next, app)...))
}

// largest are the applications, with the one that has most objects first.
func largest(files testfleet.Files) []string {
	return slices.SortedStableFunc(slices.Values(foretoldApps), func(a, b string) int {
		return len(objectsOf(files, b)) - len(objectsOf(files, a))
	})
}

func objectsOf(files testfleet.Files, app string) []string {
	return slices.DeleteFunc(slices.Clone(foretoldObjects), func(name string) bool { return files[file(app, name)] == "" })
}

package standing

import (
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/desk/built"
)

// Secret is one sealed object of an application, with where it stands.
type Secret struct {
	Application, Namespace, Name string
	// File it is sealed in; "" where Git has none, or where nothing is built yet.
	File string
	// States are its clusters by state, the worst first.
	States []Standing
	// Readers are the objects of Git that name it; Users what clusters say uses it.
	Readers, Users []string
}

// Object is NAMESPACE/NAME.
func (s *Secret) Object() string { return s.Namespace + "/" + s.Name }

// mostUsers bounds what is listed of who reads a secret.
const mostUsers = 20

// Secrets are those of an application: what Git builds, as far as index has it, and what
// clusters say that they have. index is nil while builds are under way.
func (f *Fleet) Secrets(application string, index *built.Index) []Secret {
	by := map[string]*Secret{}
	get := func(namespace, name string) *Secret {
		key := namespace + "/" + name
		if by[key] == nil {
			by[key] = &Secret{Application: application, Namespace: namespace, Name: name}
		}
		return by[key]
	}
	if index != nil {
		for file, uses := range index.Uses {
			for _, use := range uses {
				if use.Placement == application {
					s := get(use.Namespace, use.Name)
					s.File = file
					s.Readers = index.Readers[s.Object()]
				}
			}
		}
	}
	states := map[string]map[State]Fold{}
	for _, c := range f.said {
		if c == nil {
			continue
		}
		for i := range c.Secrets {
			said := &c.Secrets[i]
			if said.Placement != application {
				continue
			}
			s := get(said.Namespace, said.Name)
			if states[s.Object()] == nil {
				states[s.Object()] = map[State]Fold{}
			}
			state := SecretState(said)
			if c.Silent {
				state = worse(state, Silent)
			}
			states[s.Object()][state] = states[s.Object()][state].add(c.Name)
			s.use(said.Workloads)
		}
	}
	var all []Secret
	for _, key := range slices.Sorted(maps.Keys(by)) {
		s := by[key]
		for _, state := range slices.Backward(slices.Sorted(maps.Keys(states[key]))) {
			s.States = append(s.States, Standing{state, states[key][state]})
		}
		slices.Sort(s.Users)
		all = append(all, *s)
	}
	return all
}

// ReadBy is who reads it.
type ReadBy struct {
	Workload string
	// Uses: a cluster says that it does, and not Git alone.
	Uses bool
}

// ReadBy are those of Git, then those of which only clusters know.
func (s *Secret) ReadBy() []ReadBy {
	var all []ReadBy
	for _, w := range s.Readers {
		all = append(all, ReadBy{w, slices.Contains(s.Users, w)})
	}
	for _, w := range s.Users {
		if !slices.Contains(s.Readers, w) {
			all = append(all, ReadBy{w, true})
		}
	}
	return all
}

// InNamespace writes Deployment/api, as clusters say, as Git is read: Deployment ns/api.
func InNamespace(workload, namespace string) string {
	if kind, name, ok := strings.Cut(workload, "/"); ok && !strings.Contains(kind, " ") {
		return kind + " " + namespace + "/" + name
	}
	return workload
}

func (s *Secret) use(workloads []string) {
	for _, w := range workloads {
		w = InNamespace(w, s.Namespace)
		if len(s.Users) < mostUsers && !slices.Contains(s.Users, w) {
			s.Users = append(s.Users, w)
		}
	}
}

// Package admission says what an API server would refuse of a built object, as
// far as that can be known before any cluster is asked.
//
// The rules are Kubernetes' own, and where its libraries have them they are
// called. A sealed value is not needed: which keys there are and how long the
// values are together can be told from the outside of a stub. What only a value
// shows is looked at while it is sealed, see [Values].
package admission

import (
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Problem is one reason for which an object would be refused. No text of it
// holds a value.
type Problem struct {
	// Field is the path in the object, such as metadata.labels.
	Field string
	// Pointer is the same as a JSON pointer, and Value what stands there; not known
	// for every problem.
	Pointer string
	Value   any
	Text    string
	// Warning: clusters take the object, and it is hardly what was meant.
	Warning bool
	// Placeholder: the value would have to be filled in by another tool.
	Placeholder bool
	// Overlaid: an overlay may still mend it, so that only a build can tell.
	Overlaid bool
}

func (p Problem) String() string { return p.Field + ": " + p.Text }

func problem(field, format string, args ...any) Problem {
	return Problem{Field: field, Text: fmt.Sprintf(format, args...)}
}

// Object is a built object with what is sealed of it.
type Object struct {
	// Content is the object without its sealed values.
	Content map[string]any
	// Blocks are those of its stub; none for a plain object.
	Blocks []api.Block
}

// Check returns what is wrong with an object.
func Check(o Object) []Problem {
	problems := append(fields(o.Content), metadata(o.Content)...)
	if o.Content["apiVersion"] == "v1" {
		switch o.Content["kind"] {
		case "Secret":
			problems = append(problems, secret(o)...)
		case "ConfigMap":
			problems = append(problems, configMap(o.Content)...)
		}
	}
	if o.Content["apiVersion"] == "apps/v1" {
		switch o.Content["kind"] {
		case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
			problems = append(problems, selectsItsPods(o.Content)...)
		}
	}
	return problems
}

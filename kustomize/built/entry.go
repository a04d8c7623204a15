package built

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/bulla-dev/bulla/kustomize/internal/scope"
)

// Bounds on what a build gave, counted before any of it is decoded: decoded
// values take many times the text, and what walks them later does so by recursion.
const (
	maxDepth = 64
	maxNodes = 1 << 20
)

// Entry is where everything that comes out of a build enters. Behind it, what an
// object is called and what its labels and annotations are have the types that
// Kubernetes gives them. The getters of [unstructured.Unstructured] rely on that:
// for a wrong type they answer that there is nothing, so one number among a
// Namespace's labels would take all its labels away at the next write.
type Entry struct {
	// nodes counts over all objects of the build.
	nodes int
}

// Object decodes one object. JSON numbers come out as kubectl has them: int64
// where they fit. What is refused may come out all the same, to be named.
func (e *Entry) Object(data []byte) (*unstructured.Unstructured, error) {
	if err := e.measure(data); err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(data, &u.Object); err != nil || u.Object == nil {
		return nil, errors.New("an object is not a mapping")
	}
	if wrong := wrongIn(u.Object); wrong != nil {
		return u, &Refused{ID: shownID(u.Object), Problem: wrong.String(), Key: wrong.key()}
	}
	return u, nil
}

// measure counts depth and values of a JSON text. It need not be exact for a text
// that is not JSON: decoding refuses that.
func (e *Entry) measure(data []byte) error {
	depth, quoted, escaped := 0, false, false
	for _, c := range data {
		switch {
		case escaped:
			escaped = false
		case quoted:
			quoted, escaped = c != '"', c == '\\'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
			e.nodes++
		case c == '}' || c == ']':
			depth--
		case c == ',':
			e.nodes++
		}
		if depth > maxDepth {
			return fmt.Errorf("an object is nested deeper than %d levels", maxDepth)
		}
		if e.nodes > maxNodes {
			return fmt.Errorf("build makes more than %d values", maxNodes)
		}
	}
	return nil
}

// wrong is a field of the wrong type.
type wrong struct {
	path  []string
	value any
	want  string
}

func (w *wrong) String() string {
	text := fmt.Sprintf("%s is %s, not %s", strings.Join(w.path, "."), typeName(w.value), w.want)
	if w.want == isText {
		text += "; hint: put it in quotes"
	}
	return text
}

// key is the last name on the path that a file would spell.
func (w *wrong) key() string { return w.path[len(w.path)-1] }

func typeName(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case int64, float64:
		return fmt.Sprintf("the number %v", value)
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return "text"
}

// shownID is the id of an object that may have wrong types: whatever of it
// is text.
func shownID(object map[string]any) ObjectID {
	text := func(value any) string {
		if s, ok := value.(string); ok {
			return s
		}
		return ""
	}
	metadata, _ := object["metadata"].(map[string]any)
	group, _, grouped := strings.Cut(text(object["apiVersion"]), "/")
	if !grouped {
		group = ""
	}
	return ObjectID{Group: group, Kind: text(object["kind"]), Namespace: text(metadata["namespace"]),
		Name: text(metadata["name"])}
}

// wrongIn finds the first field that has not the type that is relied on.
func wrongIn(object map[string]any) *wrong {
	for _, field := range []string{"apiVersion", "kind"} {
		if text, ok := object[field].(string); !ok || text == "" {
			if object[field] == "" {
				return nil // left to checkIdentity, which says it better
			}
			return &wrong{[]string{field}, object[field], isText}
		}
	}
	if w := wrongMetadata([]string{"metadata"}, object["metadata"], true); w != nil {
		return w
	}
	walk := &typeWalk{strict: kubernetesOwn(object)}
	return walk.mapping(nil, object)
}

// kubernetesOwn says whether Kubernetes itself gives an object its types. A
// CustomResourceDefinition describes fields under the names that fields have.
func kubernetesOwn(object map[string]any) bool {
	id := shownID(object)
	return scope.Builtin(id.Group) && id.Group != "apiextensions.k8s.io"
}

// sortedKeys makes the first wrong field the same one each time.
func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

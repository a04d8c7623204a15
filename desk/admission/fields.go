package admission

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Bounds on what is told, and spent, of one object.
const (
	mostFields = 10
	mostBytes  = 16 << 20 // decoded, over and over
)

// fields holds an object of Kubernetes' own to the fields that its kind has, and
// their types. An API server reads it so, and refuses it whole. Other kinds are
// their owners' affair.
func fields(object map[string]any) []Problem {
	typed, near := newOf(object)
	if near != "" {
		p := problem("kind", "%s has no kind %.60s; hint: did you mean %s?", text(object["apiVersion"]), text(object["kind"]),
			near)
		p.Pointer = "/kind"
		return []Problem{p}
	}
	if typed == nil {
		return nil
	}
	r := &reading{object: runtime.DeepCopyJSON(object), kind: reflect.TypeOf(typed).Elem()}
	problems := r.wrongTypes()
	for _, err := range r.unknown {
		var at kjson.FieldError
		if errors.As(err, &at) && len(problems) < mostFields {
			problems = append(problems, unknownField(typed, object, tokens(at.FieldPath())))
		}
	}
	return problems
}

func unknownField(typed runtime.Object, object map[string]any, path []string) Problem {
	hint := fmt.Sprintf("kubectl explain %s lists the fields there are",
		strings.ToLower(strings.Join(append([]string{text(object["kind"])}, named(path[:len(path)-1])...), ".")))
	if near := nearField(typed, path); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	p := problem(dotted(path), "%s %s has no such field; hint: %s", text(object["apiVersion"]), text(object["kind"]), hint)
	p.Pointer = pointer(path)
	return p
}

// reading decodes an object again and again, without what was found wrong in it.
type reading struct {
	object  map[string]any
	kind    reflect.Type
	unknown []error
	spent   int
}

// wrongTypes tells one after another: a decoder stops at the first.
func (r *reading) wrongTypes() []Problem {
	var problems []Problem
	for len(problems) < mostFields {
		err := r.decode()
		if err == nil {
			break
		}
		path, value := r.culprit(r.object, err)
		if len(path) == 0 {
			return append(problems, problem(text(r.object["kind"]), "cannot be read: %v", plain(err)))
		}
		p := problem(dotted(path), "%s", wrongType(value, err))
		p.Pointer, p.Value = pointer(path), value
		problems = append(problems, p)
	}
	return problems
}

func (r *reading) decode() error {
	raw, err := json.Marshal(r.object)
	if err != nil {
		return err
	}
	r.spent += len(raw)
	r.unknown, err = kjson.UnmarshalStrict(raw, reflect.New(r.kind).Interface())
	return err
}

// culprit finds the innermost value that alone makes an error, and leaves it away:
// errors of decoders do not count elements, and some have no path at all. What
// stands before it may make the same error, so it is away meanwhile.
func (r *reading) culprit(at any, err error) (path []string, value any) {
	var away []member
	defer func() {
		for _, m := range away {
			m.put(m.value)
		}
	}()
	for _, m := range membersOf(at) {
		if r.spent > mostBytes {
			return nil, nil
		}
		m.put(nil)
		if now := r.decode(); now != nil && now.Error() == err.Error() {
			away = append(away, m)
			continue
		}
		m.put(m.value)
		if path, value = r.culprit(m.value, err); path == nil {
			m.put(nil)
			value = m.value
		}
		return append([]string{m.name}, path...), value
	}
	return nil, nil
}

// member is a value in a mapping or list.
type member struct {
	name  string
	value any
	put   func(any)
}

func membersOf(at any) []member {
	var all []member
	switch at := at.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(at)) {
			all = append(all, member{name, at[name], func(v any) { at[name] = v }})
		}
	case []any:
		for i, value := range at {
			all = append(all, member{strconv.Itoa(i), value, func(v any) { at[i] = v }})
		}
	}
	return slices.DeleteFunc(all, func(m member) bool { return m.value == nil })
}

// wrongType says what a value is, and what belongs there.
func wrongType(value any, err error) string {
	var mistyped *json.UnmarshalTypeError
	if !errors.As(err, &mistyped) {
		return plain(err)
	}
	is, want := typeName(value), wanted(mistyped.Type)
	if want == asText {
		return "is " + is + ", not " + want + "; hint: put it in quotes"
	}
	if _, isText := value.(string); isText && want != "a mapping" && want != "a list" {
		return "is " + is + ", not " + want + "; hint: take the quotes away"
	}
	return "is " + is + ", not " + want
}

// plain is a decoder's text for one line, without what a terminal acts on.
func plain(err error) string { return printable.Line(err.Error(), 300) }

const asText = "text"

func wanted(t reflect.Type) string {
	switch bare(t).Kind() {
	case reflect.String:
		return asText
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// typeName does not repeat a number: a PIN without quotes is one, and what is told
// here goes to logs that more people read than the repository.
func typeName(value any) string {
	switch value := value.(type) {
	case bool:
		return fmt.Sprint(value)
	case int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return asText
}

package sealer

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// maxWhole is up to where JSON.parse tells whole numbers apart.
const maxWhole = 1 << 53

// Read fills what into points at with what JSON.parse gave: nil, bool, float64, string,
// []any and map[string]any, by the names that fields have in JSON. A name that no field
// has is refused, and so is one in other letters. encoding/json is not here, as it
// would be a fifteenth of what a page loads.
//
// It knows the types that pages give: no pointers to anything but structs, no bytes, none
// with a reader of its own.
//
// Errors say where, and nothing of what stands there.
func Read(given, into any) error { return read(given, reflect.ValueOf(into).Elem()) }

func read(given any, into reflect.Value) error {
	if given == nil {
		return nil
	}
	switch into.Kind() {
	case reflect.Struct:
		return readStruct(given, into)
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return read(given, into.Elem())
	case reflect.Slice:
		list, ok := given.([]any)
		if !ok {
			return errors.New("it is no list")
		}
		into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
		for i, item := range list {
			if err := read(item, into.Index(i)); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
		return nil
	case reflect.Map:
		return readMap(given, into)
	case reflect.String:
		text, ok := given.(string)
		into.SetString(text)
		return unless(ok, "it is no text")
	case reflect.Bool:
		truth, ok := given.(bool)
		into.SetBool(truth)
		return unless(ok, "it is neither true nor false")
	case reflect.Int64:
		number, ok := given.(float64)
		if !ok || number != float64(int64(number)) || number > maxWhole || number < -maxWhole {
			return errors.New("it is no whole number that a browser keeps")
		}
		into.SetInt(int64(number))
		return nil
	}
	return fmt.Errorf("a %s cannot be read", into.Kind())
}

func unless(ok bool, problem string) error {
	if ok {
		return nil
	}
	return errors.New(problem)
}

func readMap(given any, into reflect.Value) error {
	object, ok := given.(map[string]any)
	if !ok {
		return errors.New("it is no object")
	}
	into.Set(reflect.MakeMap(into.Type()))
	for name, item := range object {
		value := reflect.New(into.Type().Elem()).Elem()
		if err := read(item, value); err != nil {
			return fmt.Errorf("a member: %w", err) // its name may be anything
		}
		into.SetMapIndex(reflect.ValueOf(name), value)
	}
	return nil
}

func readStruct(given any, into reflect.Value) error {
	object, ok := given.(map[string]any)
	if !ok {
		return errors.New("it is no object")
	}
	known := 0
	for _, f := range fields(into) {
		item, ok := object[f.name]
		if !ok {
			continue
		}
		known++
		if err := read(item, f.value); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return unless(known == len(object), "it has a field that is not known")
}

// Plain is a value as JSON.parse would give it, were it written as JSON.
func Plain(value any) any { return plain(reflect.ValueOf(value)) }

func plain(value reflect.Value) any {
	switch value.Kind() {
	case reflect.Struct:
		object := map[string]any{}
		for _, f := range fields(value) {
			if !f.omits || !f.value.IsZero() && (f.value.Kind() != reflect.Slice || f.value.Len() > 0) {
				object[f.name] = plain(f.value)
			}
		}
		return object
	case reflect.Pointer:
		if value.IsNil() {
			return nil
		}
		return plain(value.Elem())
	case reflect.Slice:
		list := make([]any, value.Len())
		for i := range list {
			list[i] = plain(value.Index(i))
		}
		return list
	case reflect.String:
		return value.String()
	case reflect.Int64:
		return float64(value.Int())
	}
	panic("a " + value.Kind().String() + " is no answer")
}

// field is one of a struct, by its name in JSON.
type field struct {
	name  string
	omits bool
	value reflect.Value
}

// fields are those of a struct and of the structs that it embeds.
func fields(of reflect.Value) (all []field) {
	for i := range of.NumField() {
		at := of.Type().Field(i)
		if at.Anonymous {
			all = append(all, fields(of.Field(i))...)
			continue
		}
		name, options, _ := strings.Cut(at.Tag.Get("json"), ",")
		all = append(all, field{name, options == "omitempty", of.Field(i)})
	}
	return all
}

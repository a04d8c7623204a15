package sealer_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/sealing"
)

// parsed is what JSON.parse gives of a value that is written as JSON.
func parsed(t *testing.T, value any) (plain any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

// full sets each field of a value, so that one that is left out is missed.
func full(t *testing.T, value reflect.Value) {
	t.Helper()
	switch value.Kind() {
	case reflect.Struct:
		for i := range value.NumField() {
			full(t, value.Field(i))
		}
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		full(t, value.Elem())
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 2, 2))
		full(t, value.Index(0))
		full(t, value.Index(1))
	case reflect.Map:
		item := reflect.New(value.Type().Elem()).Elem()
		full(t, item)
		value.Set(reflect.MakeMap(value.Type()))
		value.SetMapIndex(reflect.ValueOf("ö"), item)
	case reflect.String:
		value.SetString("text <&>")
	case reflect.Int64:
		value.SetInt(1 << 53)
	case reflect.Bool:
		value.SetBool(true)
	default:
		t.Fatalf("a %s is filled by nothing", value.Kind())
	}
}

// TestAPageIsReadAsJSONWouldBe: each field of what a page gives, with all and with nothing in it.
func TestAPageIsReadAsJSONWouldBe(t *testing.T) {
	for _, into := range []any{new(api.Fleet), new(sealer.Job), new(sealing.Known)} {
		for _, fill := range []bool{true, false} {
			want := reflect.New(reflect.TypeOf(into).Elem())
			if fill {
				full(t, want.Elem())
			}
			got := reflect.New(reflect.TypeOf(into).Elem()).Interface()
			if err := sealer.Read(parsed(t, want.Interface()), got); err != nil {
				t.Errorf("%T: %v", into, err)
			}
			if diff := cmp.Diff(want.Interface(), got); diff != "" {
				t.Errorf("%T (-as JSON +read):\n%s", into, diff)
			}
		}
	}
}

// TestAnAnswerIsWhatJSONWouldBe: pages were written for that.
func TestAnAnswerIsWhatJSONWouldBe(t *testing.T) {
	sealed, failed, known := new(sealer.Sealed), new(sealer.Error), new(sealing.Known)
	for _, value := range []any{sealed, failed, known} {
		full(t, reflect.ValueOf(value).Elem())
	}
	for _, value := range []any{sealed, failed, known, sealer.Sealed{Blocks: []api.Block{}, Notes: []sealer.Note{}}} {
		if diff := cmp.Diff(parsed(t, value), sealer.Plain(value)); diff != "" {
			t.Errorf("%T (-as JSON +plain):\n%s", value, diff)
		}
	}
}

// TestWhatIsNotKnownIsRefused: the field that a newer server adds may be what a fleet's keys
// depend on. What stands there is not told: it may be a value in another's place.
func TestWhatIsNotKnownIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"name": "db", "correct horse": 1}`:       "a field that is not known",
		`{"Name": "db"}`:                           "a field that is not known",
		`{"__proto__": {"allowEmpty": true}}`:      "a field that is not known",
		`{"name": ["correct horse"]}`:              "name: it is no text",
		`{"blocks": {"correct horse": 1}}`:         "blocks: it is no list",
		`{"blocks": [[], "correct horse"]}`:        "blocks: item 1: it is no list",
		`{"targets": [[]]}`:                        "targets: item 0: it is no object",
		`{"generate": []}`:                         "generate: it is no object",
		`{"generate": {"correct horse": true}}`:    "generate: a member: it is no text",
		`{"allowEmpty": "correct horse"}`:          "allowEmpty: it is neither",
		`"correct horse"`:                          "it is no object",
		`{"targets": [{"set": "a", "sets": "b"}]}`: "targets: item 0: it has a field that is not known",
	} {
		var given any
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			t.Fatal(err)
		}
		err := sealer.Read(given, new(sealer.Job))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for _, number := range []any{1.5, 1e300, -1e300, float64(1<<53) * 2, "1"} {
		if err := sealer.Read(map[string]any{"serial": number}, new(sealing.Known)); err == nil {
			t.Errorf("%v is taken for a whole number", number)
		}
	}
}

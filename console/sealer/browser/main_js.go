// Command browser is package sealer as a page loads it, built for js/wasm: `make sealer`.
package main

import (
	"syscall/js"

	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/sealing"
)

// opened is the fleet that was verified. A page's worker has one, and ends with one job.
var opened *sealer.Fleet

var errUnknown = &sealer.Error{Problem: "the page asks for what is unknown", Hint: "load the page anew"}

// ask is what a page gives to open, beside the fleet.
type ask struct {
	RootKey  string        `json:"rootKey"`
	Known    sealing.Known `json:"known"`
	Repinned bool          `json:"repinned"`
}

// answer is what it is given back.
type answer struct {
	Fingerprint string        `json:"fingerprint"`
	Known       sealing.Known `json:"known"`
}

// named are the keys of a .env file.
type named struct {
	Keys []string `json:"keys"`
}

func main() {
	js.Global().Set("bulla", js.ValueOf(map[string]any{"open": js.FuncOf(open), "seal": js.FuncOf(seal),
		"keys": js.FuncOf(keys)}))
	select {}
}

// open(fleet, ask) gives an answer, or a [sealer.Error].
func open(_ js.Value, args []js.Value) any {
	return reply(func() (any, error) {
		var a ask
		if sealer.Read(given(args[1]), &a) != nil {
			return nil, errUnknown
		}
		fleet, err := sealer.Open(given(args[0]), a.RootKey, a.Known, a.Repinned)
		if err != nil {
			return nil, err
		}
		opened = fleet
		return answer{fleet.Fingerprint, fleet.Known}, nil
	})
}

// seal(a [sealer.Job], {key: Uint8Array}) gives a [sealer.Sealed], or an error.
func seal(_ js.Value, args []js.Value) any {
	return reply(func() (any, error) {
		if opened == nil {
			return nil, &sealer.Error{Problem: "no fleet was verified", Hint: "load the page anew"}
		}
		var job sealer.Job
		if sealer.Read(given(args[0]), &job) != nil {
			return nil, errUnknown
		}
		values := map[string][]byte{}
		for _, key := range names(args[1]) {
			values[key] = bytesOf(args[1].Get(key))
		}
		return opened.Seal(job, values)
	})
}

// keys(Uint8Array of a .env file) gives {keys: […]}, or an error.
func keys(_ js.Value, args []js.Value) any {
	return reply(func() (any, error) {
		text := bytesOf(args[0])
		defer clear(text)
		all, err := sealer.Keys(text)
		return named{all}, err
	})
}

func bytesOf(array js.Value) []byte {
	b := make([]byte, array.Length())
	js.CopyBytesToGo(b, array)
	return b
}

func names(object js.Value) (all []string) {
	keys := js.Global().Get("Object").Call("keys", object)
	for i := range keys.Length() {
		all = append(all, keys.Index(i).String())
	}
	return all
}

// given is what JSON.parse gave, as [sealer.Read] takes it.
func given(value js.Value) any {
	switch value.Type() {
	case js.TypeBoolean:
		return value.Bool()
	case js.TypeNumber:
		return value.Float()
	case js.TypeString:
		return value.String()
	case js.TypeObject:
	default:
		return nil
	}
	if value.InstanceOf(js.Global().Get("Array")) {
		list := make([]any, value.Length())
		for i := range list {
			list[i] = given(value.Index(i))
		}
		return list
	}
	object := map[string]any{}
	for _, name := range names(value) {
		object[name] = given(value.Get(name))
	}
	return object
}

// reply never lets a panic out: its text ends on the console.
func reply(do func() (any, error)) (said any) {
	defer func() {
		if recover() != nil {
			said = map[string]any{"error": "the sealer failed", "hint": "load the page anew; nothing left this browser"}
		}
	}()
	result, err := do()
	if err != nil {
		told, ok := err.(*sealer.Error) //nolint:errorlint // every error of the sealer is one, and is not wrapped
		if !ok {
			told = &sealer.Error{Problem: err.Error(), Hint: "load the page anew"}
		}
		result = told
	}
	return sealer.Plain(result)
}

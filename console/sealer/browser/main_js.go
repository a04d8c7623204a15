// Command browser is package sealer as a page loads it, built for js/wasm: `make sealer`.
package main

import (
	"encoding/json"
	"syscall/js"

	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/sealing"
)

// opened is the fleet that was verified. A page's worker has one, and ends with one job.
var opened *sealer.Fleet

// ask is what a page gives to open.
type ask struct {
	Fleet    string        `json:"fleet"`
	RootKey  string        `json:"rootKey"`
	Known    sealing.Known `json:"known"`
	Repinned bool          `json:"repinned"`
}

// answer is what it is given back.
type answer struct {
	Fingerprint string        `json:"fingerprint"`
	Known       sealing.Known `json:"known"`
}

func main() {
	js.Global().Set("bulla", js.ValueOf(map[string]any{"open": js.FuncOf(open), "seal": js.FuncOf(seal),
		"keys": js.FuncOf(keys)}))
	select {}
}

// open(text of an ask) gives the text of an answer, or of a [sealer.Error].
func open(_ js.Value, args []js.Value) any {
	return reply(func() (any, error) {
		var a ask
		if err := json.Unmarshal([]byte(args[0].String()), &a); err != nil {
			return nil, &sealer.Error{Problem: "the page asks for what is unknown", Hint: "load the page anew"}
		}
		fleet, err := sealer.Open([]byte(a.Fleet), a.RootKey, a.Known, a.Repinned)
		if err != nil {
			return nil, err
		}
		opened = fleet
		return answer{fleet.Fingerprint, fleet.Known}, nil
	})
}

// seal(text of a [sealer.Job], {key: Uint8Array}) gives the text of a [sealer.Sealed],
// or of an error.
func seal(_ js.Value, args []js.Value) any {
	return reply(func() (any, error) {
		if opened == nil {
			return nil, &sealer.Error{Problem: "no fleet was verified", Hint: "load the page anew"}
		}
		var job sealer.Job
		if err := json.Unmarshal([]byte(args[0].String()), &job); err != nil {
			return nil, &sealer.Error{Problem: "the page asks for what is unknown", Hint: "load the page anew"}
		}
		values := map[string][]byte{}
		keys := js.Global().Get("Object").Call("keys", args[1])
		for i := range keys.Length() {
			key := keys.Index(i).String()
			given := args[1].Get(key)
			values[key] = make([]byte, given.Length())
			js.CopyBytesToGo(values[key], given)
		}
		return opened.Seal(job, values)
	})
}

// keys(Uint8Array of a .env file) gives the text of {keys: […]}, or of an error.
func keys(_ js.Value, args []js.Value) any {
	return reply(func() (any, error) {
		text := make([]byte, args[0].Length())
		js.CopyBytesToGo(text, args[0])
		defer clear(text)
		all, err := sealer.Keys(text)
		return map[string][]string{"keys": all}, err
	})
}

// reply never lets a panic out: its text ends on the console.
func reply(do func() (any, error)) (text string) {
	defer func() {
		if recover() != nil {
			text = `{"error":"the sealer failed","hint":"load the page anew; nothing left this browser"}`
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
	out, err := json.Marshal(result)
	if err != nil {
		panic(err)
	}
	return string(out)
}

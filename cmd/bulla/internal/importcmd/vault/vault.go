// Package vault reads what `vault kv get -format=json` prints, of OpenBao too.
package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
)

// Reader reads one export into one Secret.
type Reader struct {
	Path  string
	Files *haul.Files
	// Name of the Secret.
	Name string
}

const hint = "vault kv get -format=json MOUNT/PATH | bulla import vault - --name NAME --for PLACEMENT"

// Read takes every key. Versions 1 and 2 of the engine differ by one level.
func (r *Reader) Read(context.Context) (*haul.Haul, error) {
	data, err := r.Files.Read(r.Path)
	if err != nil {
		return nil, err
	}
	name := haul.Name(r.Path)
	values, err := parse(data)
	if err != nil {
		return nil, fault.New(hint, "read %s: %w", name, err)
	}
	secret := &corev1.Secret{Type: corev1.SecretTypeOpaque, Data: map[string][]byte{}}
	secret.Name = r.Name
	for _, key := range slices.Sorted(maps.Keys(values)) {
		text, ok := values[key].(string)
		if !ok {
			return nil, fault.New("seal it with `bulla seal`, as the program gets it",
				"read %s: value number %d is a number, a list or an object, and no text", name, len(secret.Data)+1)
		}
		secret.Data[key] = []byte(text)
	}
	h := &haul.Haul{Items: []haul.Item{{From: name, Secret: secret}}}
	if r.Path != "-" {
		h.Do("delete " + name + ", which has the values in the clear")
	}
	h.Do("take what reads it from Vault out of the application (annotations of an injector, a VaultStaticSecret), and " +
		"then the value out of Vault")
	return h, nil
}

// parse never passes on a parser's own text.
func parse(data []byte) (map[string]any, error) {
	var outer struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if json.Unmarshal(bytes.TrimPrefix(data, []byte("\uFEFF")), &outer) != nil || outer.Data == nil {
		return nil, fmt.Errorf("it is not what `vault kv get -format=json` prints")
	}
	inner := outer.Data
	if second(outer.Data) {
		if string(outer.Data["data"]) == "null" {
			return nil, fmt.Errorf("this version of it is deleted")
		}
		inner = nil
		if json.Unmarshal(outer.Data["data"], &inner) != nil {
			return nil, fmt.Errorf("it is not what `vault kv get -format=json` prints")
		}
	}
	values := map[string]any{}
	for key, raw := range inner {
		var value any
		if json.Unmarshal(raw, &value) != nil {
			return nil, fmt.Errorf("it is not what `vault kv get -format=json` prints")
		}
		values[key] = value
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("there is no value in it")
	}
	return values, nil
}

// second reports whether it is of version 2: values beside their version.
func second(data map[string]json.RawMessage) bool {
	var metadata struct {
		Version *int `json:"version"`
	}
	return len(data) == 2 && data["data"] != nil && json.Unmarshal(data["metadata"], &metadata) == nil &&
		metadata.Version != nil
}

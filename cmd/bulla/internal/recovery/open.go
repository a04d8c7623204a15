package recovery

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/sealing"
)

// Open opens every block of a stub as the object and returns the values by
// pointer, base64 as in a Secret.
func Open(
	fleet, file string, stub *api.SealedManifest, object built.Use, ids []age.Identity,
) (map[string]string, error) {
	all := map[string]string{}
	for i, block := range stub.Spec.Blocks {
		c, err := sealing.ContextOf(fleet, stub, i, object.Namespace, object.Name)
		if err != nil {
			return nil, fmt.Errorf("open %s, block %d: %w", file, i, err)
		}
		payload, err := sealing.ParsePayload(block.Payload)
		if err != nil {
			return nil, fmt.Errorf("open %s, block %d: %w", file, i, err)
		}
		values, err := payload.OpenWith(c, ids...)
		if err != nil {
			return nil, failed(file, i, err)
		}
		maps.Copy(all, values)
	}
	return all, nil
}

// failed explains why a block does not open.
func failed(file string, block int, err error) error {
	if match := new(age.NoIdentityMatchError); errors.As(err, &match) {
		return fault.New("a payload opens with the recovery keys that fleet.yaml declared when it was sealed",
			"open %s, block %d: this key is none of its recovery keys", file, block)
	}
	return fault.New(
		"take the file as it was from Git (git checkout REVISION -- FILE); `bulla validate` says what is wrong",
		"open %s, block %d: %w", file, block, err)
}

// Secret is the object as it would be applied: the stub's template with the
// name and namespace of the built object and the opened values.
func Secret(stub *api.SealedManifest, object built.Use, values map[string]string) (map[string]any, error) {
	var secret map[string]any
	if err := json.Unmarshal(stub.Spec.Template, &secret); err != nil {
		return nil, fault.New("`bulla validate` says where the stub is wrong", "read template: not JSON")
	}
	metadata, _ := secret["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["name"] = object.Name
	if object.Namespace != "" {
		metadata["namespace"] = object.Namespace
	}
	secret["metadata"] = metadata
	data, _ := secret["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	for pointer, value := range values {
		data[strings.TrimPrefix(pointer, "/data/")] = value
	}
	secret["data"] = data
	return secret, nil
}

// Field returns one value, decoded. The name is a pointer, /data/KEY, or KEY.
func Field(file, name string, values map[string]string) ([]byte, error) {
	pointer := name
	if !strings.HasPrefix(name, "/") {
		pointer = "/data/" + name
	}
	value, ok := values[pointer]
	if !ok {
		return nil, fault.New("the stub lists its fields under spec.blocks", "%s seals no %s", file, pointer)
	}
	return base64.StdEncoding.DecodeString(value)
}

// Package fleettext changes the text of a fleet.yaml.
package fleettext

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// Edit writes what changed from was to now into the text of fleet.yaml, and
// leaves the rest to the byte, so that a review sees the change alone. A text
// that cannot be edited so is written anew; kept is then false.
func Edit(file string, old []byte, was, now *api.FleetSpec) (data []byte, kept bool, err error) {
	whole, err := api.ParseFleet(file, old)
	if err != nil {
		return nil, false, err
	}
	whole.Spec = *now
	data, err = spliceFleet(old, was, now)
	if err == nil {
		if parsed, err := api.ParseFleet(file, data); err == nil && reflect.DeepEqual(parsed, whole) {
			return data, true, nil
		}
	} else if !errors.Is(err, yamltext.ErrShape) {
		return nil, false, err
	}
	if data, err = yaml.Marshal(whole); err != nil {
		return nil, false, fmt.Errorf("write fleet: %w", err)
	}
	return data, false, nil
}

func spliceFleet(data []byte, was, now *api.FleetSpec) ([]byte, error) {
	data, err := yamltext.SetScalar(data, strconv.FormatInt(now.Serial, 10), "spec", "serial")
	if err != nil {
		return nil, err
	}
	for i, key := range now.SealingKeys {
		switch {
		case i >= len(was.SealingKeys):
			data, err = appendKey(data, key)
		case key.Status != was.SealingKeys[i].Status:
			data, err = yamltext.SetScalar(data, string(key.Status), "spec", "sealingKeys", strconv.Itoa(i), "status")
		}
		if err != nil {
			return nil, err
		}
	}
	if was.LogKey != now.LogKey && was.LogKey != "" {
		if data, err = yamltext.SetScalar(data, now.LogKey, "spec", "logKey"); err != nil {
			return nil, err
		}
	}
	if !slices.Equal(was.RootSuccession, now.RootSuccession) {
		if data, err = yamltext.SetEntry(data, yamltext.Literals("rootSuccession", now.RootSuccession), "spec",
			"rootSuccession"); err != nil {
			return nil, err
		}
	}
	return yamltext.SetEntry(data, yamltext.Literal("signature", now.Signature), "spec", "signature")
}

func appendKey(data []byte, key api.SealingKey) ([]byte, error) {
	sequence, err := yamltext.Find(data, "spec", "sealingKeys")
	if err != nil {
		return nil, err
	}
	id, err := yaml.Marshal(map[string]string{"id": key.ID}) // quoted where YAML needs it
	if err != nil {
		return nil, fmt.Errorf("write key id: %w", err)
	}
	return sequence.Append(yamltext.Item{
		strings.TrimSpace(string(id)), "suite: " + string(key.Suite), "publicKey: " + key.PublicKey,
		"status: " + string(key.Status),
	}), nil
}

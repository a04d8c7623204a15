package fleet

import (
	"encoding/json"
	"time"
)

const (
	// Group is the API group of every kind of bulla.
	Group = "bulla.dev"
	// APIVersion is the apiVersion of every kind of bulla.
	APIVersion = Group + "/v1alpha1"
)

// TypeMeta says what kind a file holds.
type TypeMeta struct {
	Kind       string `json:"kind,omitempty"`
	APIVersion string `json:"apiVersion,omitempty"`
}

// Metadata is the part of ObjectMeta that kinds for Git may carry. Everything
// else (finalizers, ownerReferences, generateName) is an unknown field.
type Metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Duration is written as Go writes it, for example 5m30s.
type Duration struct {
	time.Duration
}

// MarshalJSON writes the duration as text.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(d.String())
}

// UnmarshalJSON reads what [time.ParseDuration] reads.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	d.Duration = parsed
	return nil
}

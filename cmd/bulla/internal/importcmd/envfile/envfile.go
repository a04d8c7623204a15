// Package envfile reads .env files, whose lines are KEY=VALUE.
package envfile

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/desk/values"
)

// What becomes of quotes around a value. Programs differ: for Docker and kubectl they
// are part of it, for Compose and most libraries they are not.
const (
	KeepQuotes  = "keep"
	StripQuotes = "strip"
)

// Reader reads files into one Secret.
type Reader struct {
	Paths []string
	Files *haul.Files
	// Name of the Secret.
	Name string
	// Quotes is "", [KeepQuotes] or [StripQuotes].
	Quotes string
}

// Read takes every line of every file.
func (r *Reader) Read(context.Context) (*haul.Haul, error) {
	h := &haul.Haul{}
	set := values.Set{}
	for _, path := range r.Paths {
		data, err := r.Files.Read(path)
		if err != nil {
			return nil, err
		}
		if haul.BySOPS(data) {
			return nil, fault.New("bulla import sops FILE", "read %s: it is encrypted with SOPS", haul.Name(path))
		}
		if err := values.EnvText(set, haul.Name(path), data); err != nil {
			return nil, err
		}
		if path != "-" {
			h.Do("delete " + haul.Name(path) + ", which has the values in the clear")
		}
	}
	if len(set) == 0 {
		return nil, fault.New("its lines are KEY=VALUE", "read %s: there is no value in it", haul.Name(r.Paths[0]))
	}
	if err := r.unquote(set); err != nil {
		return nil, err
	}
	secret := &corev1.Secret{Type: corev1.SecretTypeOpaque, Data: set}
	secret.Name = r.Name
	names := make([]string, 0, len(r.Paths))
	for _, path := range r.Paths {
		names = append(names, haul.Name(path))
	}
	h.Items = append(h.Items, haul.Item{From: strings.Join(names, ", "), Secret: secret})
	return h, nil
}

func (r *Reader) unquote(set values.Set) error {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		inner, quote, ok := quoted(set[key])
		switch {
		case !ok || r.Quotes == KeepQuotes:
		case r.Quotes == "":
			return fault.NewUsage("say what the program reads: --quotes keep (as Docker and kubectl) or --quotes strip "+
				"(as Compose, and most libraries)", "the value of %s is in quotes", key)
		case bytes.ContainsRune(inner, rune(quote)) || quote == '"' && bytes.ContainsAny(inner, `\$`):
			return fault.New("write it without quotes, as the program gets it",
				"the value of %s has a quote, a backslash or a $ within its quotes, which programs read differently", key)
		default:
			set[key] = inner
		}
	}
	return nil
}

func quoted(value []byte) (inner []byte, quote byte, ok bool) {
	if len(value) < 2 || value[0] != value[len(value)-1] || value[0] != '"' && value[0] != '\'' {
		return nil, 0, false
	}
	return value[1 : len(value)-1], value[0], true
}

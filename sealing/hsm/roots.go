package hsm

import (
	"context"
	"crypto/ecdsa"
	"fmt"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// RootKeys lists the root keys whose private half this login shows: each private
// key that belongs to one of known, whatever its label, and each that is labelled
// as a root key. A service that has one hands the whole fleet to whoever gets to
// run code in it. It gives their labels, quoted, sorted.
func (w *Worker) RootKeys(ctx context.Context, known ...*ecdsa.PublicKey) ([]string, error) {
	points, err := pointsOf(known)
	if err != nil {
		return nil, fmt.Errorf("look for root keys: %w", err)
	}
	// Every private key of the token is tried, those of strangers too.
	r, err := w.doWithin(ctx, wire.Request{Op: wire.OpRoots, Points: points}, startFactor*w.cfg.Deadline)
	if err != nil {
		return nil, fmt.Errorf("look for root keys: %w", err)
	}
	return labelsOf(r.Keys), nil
}

// CheckApart asks the service's token for a root key that was made elsewhere: two
// labels, or two paths of a module, may lead to one token. Nothing is asked where
// both configurations name the same.
func CheckApart(service, root Config, public *ecdsa.PublicKey) error {
	if service.SameToken(root) {
		return nil // so it was asked for
	}
	points, err := pointsOf([]*ecdsa.PublicKey{public})
	if err != nil {
		return fmt.Errorf("look for root keys: %w", err)
	}
	r, err := once(service, wire.Request{Op: wire.OpRoots, Points: points})
	if err != nil {
		return fmt.Errorf("look for root keys: %w", err)
	}
	for _, key := range r.Keys {
		if key.Public != nil {
			return &SetupError{Problem: fmt.Sprintf("token %q shows the root key that was made in token %q", service.TokenLabel,
				root.TokenLabel),
				Hint: "both names lead to one token: give the root key a token or a partition of its own"}
		}
	}
	return nil
}

// ForgetKeys destroys the private keys in the token that belong to these public
// keys, whatever their labels, and their public halves. It gives the labels of
// what it destroyed; a token that has none of them is no error.
func ForgetKeys(cfg Config, publics ...*ecdsa.PublicKey) ([]string, error) {
	points, err := pointsOf(publics)
	if err != nil {
		return nil, fmt.Errorf("destroy keys: %w", err)
	}
	cfg.Fleet = "forget" // no key is looked for by label
	r, err := once(cfg, wire.Request{Op: wire.OpForget, Points: points})
	if err != nil {
		return nil, fmt.Errorf("destroy keys: %w", err)
	}
	return labelsOf(r.Keys), nil
}

func pointsOf(publics []*ecdsa.PublicKey) ([][]byte, error) {
	points := make([][]byte, len(publics))
	for i, public := range publics {
		var err error
		if points[i], err = public.Bytes(); err != nil {
			return nil, err
		}
	}
	return points, nil
}

func labelsOf(keys []KeyInfo) []string {
	var labels []string
	for _, key := range keys {
		labels = append(labels, fmt.Sprintf("%q", key.Label))
	}
	return labels
}

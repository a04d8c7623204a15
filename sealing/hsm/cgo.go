//go:build cgo

package hsm

import (
	"github.com/bulla-dev/bulla/sealing/hsm/internal/keys"
	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// openBackend opens the token.
func openBackend(h *wire.Hello) (backend, error) { return keys.Open(h) }

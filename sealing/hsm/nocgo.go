//go:build !cgo

package hsm

import (
	"errors"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// openBackend always fails: PKCS#11 modules are shared libraries of C.
func openBackend(*wire.Hello) (backend, error) {
	return nil, errors.New("open token: this program was built without cgo")
}

//go:build !cgo

package hsm

import "errors"

// openBackend always fails: PKCS#11 modules are shared libraries of C.
func openBackend(*hello) (backend, error) {
	return nil, errors.New("open token: this program was built without cgo")
}

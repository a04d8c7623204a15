package stored

import (
	"errors"
	"fmt"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// Reference is [reference.Of], with what to do where there is none.
func Reference(fleet, path string, text []byte) (*api.SealedReference, error) {
	r, err := reference.Of(fleet, path, text)
	switch {
	case errors.Is(err, reference.ErrTooLarge):
		return nil, fault.New("no Secret needs as much: one holds 1 MiB at most; seal its values into several stubs",
			"%s: %w", path, err)
	case errors.Is(err, reference.ErrTargets):
		return nil, fault.New("give the values again for the same targets (bulla seal FILE --set …), or keep the stub in Git",
			"%s: the blocks are not locked to the same targets, which a reference names once", path)
	}
	return r, err
}

func explainGet(path string, err error) error {
	if reason(err) == keyservicev1.ReasonNoStub {
		return fault.New("where a commit has the file as a stub (git log -S 'kind: SealedManifest' -- FILE), check that out "+
			"and run `bulla reference FILE`; else restore the service's database, or remove the file and seal its values "+
			"anew (`bulla seal FILE`)",
			"%s: the key service's store has no such stub: %w", path, err)
	}
	return login.Refused(fmt.Errorf("take the stub of %s from the key service: %w", path, err))
}

func explainPut(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case reason(err) == keyservicev1.ReasonStubQuota:
		return fault.New("keep it in Git, or ask an operator for more room (stubs.perPerson and stubs.inAll in "+
			"keyservice.yaml); what no head of the rollback window names goes by itself",
			"%s: the store of stubs has no room for it: %w", path, err)
	}
	return login.Refused(fmt.Errorf("give the stub of %s to the key service: %w", path, err))
}

func reason(err error) string {
	var denied *client.DeniedError
	if errors.As(err, &denied) {
		return denied.Reason
	}
	return ""
}

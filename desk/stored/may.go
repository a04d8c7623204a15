package stored

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// developer is the role that puts stubs.
const developer = "developer"

// Describing is what of the key service says what a person may.
type Describing interface {
	Describe(context.Context) (*keyservicev1.DescribeResponse, error)
}

// MayPut says why a person cannot put stubs, before they have typed a value; nil where they
// can, and where a service of an older version does not say.
func MayPut(ctx context.Context, s Describing) error {
	said, err := s.Describe(ctx)
	if err == nil && len(said.GetRoles()) > 0 && !slices.Contains(said.GetRoles(), developer) {
		err = &client.DeniedError{Reason: keyservicev1.ReasonRole, Needed: developer,
			Had: strings.Join(said.GetRoles(), ",")}
	}
	if err == nil {
		return nil
	}
	return login.Refused(fmt.Errorf("keep ciphertext in the key service's store: %w", err))
}

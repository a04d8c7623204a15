package keyservice

import (
	"fmt"

	"github.com/bulla-dev/bulla/keyservice/audit"
)

// checkLogKey says whether clusters can use what this service answers: they hold
// it to the log key that fleet.yaml names at the accepted head. Answers would be
// thrown away one by one; it is better to say it once.
func (s *Server) checkLogKey(h *head) error {
	switch named := h.model.Fleet.Spec.LogKey; named {
	case s.logKey:
		return nil
	case "":
		return fmt.Errorf("%w: clusters use no answer; the token's is %s", audit.ErrNoLogKey, s.logKey)
	}
	return fmt.Errorf("spec.logKey in fleet.yaml is not the token's, so clusters use no answer; the token's is %s", s.logKey)
}

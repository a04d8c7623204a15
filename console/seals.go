package console

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/bulla-dev/bulla/console/sealer/static"
)

// sealerFiles serve what a page seals with. err says why there is nothing: a page that
// would seal shows it, and has no field for a value.
type sealerFiles struct {
	handler http.Handler
	err     error
}

func openSealer(files fs.FS) (s sealerFiles) {
	if files == nil {
		if files, s.err = static.Built(); s.err != nil {
			return s
		}
	}
	s.handler, s.err = static.Handler(files)
	return s
}

func (s sealerFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.err != nil {
		http.Error(w, s.err.Error(), http.StatusServiceUnavailable)
		return
	}
	s.handler.ServeHTTP(w, r)
}

// canSeal says why no page can seal; nil where they can.
func (c *Console) canSeal() error { return c.sealer.err }

// fleetJSON is what Sealer.open in a page is given: fleet.yaml as JSON, and the root key
// that is pinned here. The page verifies the one under the other.
func (c *Console) fleetJSON(w http.ResponseWriter, r *http.Request) error {
	if err := c.canSeal(); err != nil {
		return &statusError{http.StatusServiceUnavailable, err}
	}
	s, err := c.clone.Snapshot(r.Context())
	if err != nil {
		return err
	}
	rootKey, err := c.rootKey(s.Model.Fleet)
	if err != nil {
		return err
	}
	fleet, err := json.Marshal(s.Model.Fleet)
	if err != nil {
		return fmt.Errorf("write fleet: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]string{"fleet": string(fleet), "rootKey": rootKey})
}

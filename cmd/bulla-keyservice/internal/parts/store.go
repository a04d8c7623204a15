package parts

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// OpenStore opens the service's state where the configuration says it is:
// PostgreSQL, or a SQLite file. What is not there yet is made.
func OpenStore(ctx context.Context, config *config.Config) (*store.DB, error) {
	if !config.Database.Shared() {
		return store.Open(ctx, config.Store)
	}
	url, err := config.Database.ReadURL()
	if err != nil {
		return nil, err
	}
	return store.OpenPostgres(ctx, url)
}

// OpenRows is for what runs beside the service: nil when there is no file yet.
func OpenRows(ctx context.Context, config *config.Config) (*store.DB, error) {
	if !config.Database.Shared() {
		if _, err := os.Stat(config.Store); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
	}
	return OpenStore(ctx, config)
}

// OpenServed is for what needs what the service wrote.
func OpenServed(ctx context.Context, config *config.Config) (*store.DB, error) {
	rows, err := OpenRows(ctx, config)
	if err == nil && rows == nil {
		err = fault.New("the service was never served from here", "open store: %q does not exist", config.Store)
	}
	return rows, err
}

// OpenMirror opens the service's copy of the repository.
func OpenMirror(config *config.Config) (*git.Mirror, error) {
	auth, err := config.Repository.Auth()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(config.DataDir, "mirror")
	of := config.Repository
	return git.OpenAt(dir, of.URL, of.Ref, of.Tags(), auth, git.Limits{})
}

package main

import (
	"context"
	"errors"
	"os"

	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// openStore opens the service's state where the configuration says it is:
// PostgreSQL, or a SQLite file. What is not there yet is made.
func openStore(ctx context.Context, config *config.Config) (*store.DB, error) {
	if !config.Database.Shared() {
		return store.Open(ctx, config.Store)
	}
	url, err := config.Database.ReadURL()
	if err != nil {
		return nil, err
	}
	return store.OpenPostgres(ctx, url)
}

// openRows is for what runs beside the service: nil when there is no file yet.
func openRows(ctx context.Context, config *config.Config) (*store.DB, error) {
	if !config.Database.Shared() {
		if _, err := os.Stat(config.Store); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
	}
	return openStore(ctx, config)
}

package main

import (
	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/internal/files"
	"github.com/bulla-dev/bulla/keyservice"
)

func addConfigFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "configuration file")
}

// loadConfig reads the file of --config.
func loadConfig(file string) (*keyservice.Config, error) {
	config, err := keyservice.LoadConfig(file)
	if hint := files.Hint(err, ""); hint != "" {
		err = withHint(err, hint+"; `bulla-keyservice serve --help` shows a configuration")
	}
	return config, err
}

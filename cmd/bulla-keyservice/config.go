package main

import (
	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/internal/fault"
	"github.com/bulla-dev/bulla/cmd/internal/files"
	"github.com/bulla-dev/bulla/keyservice/config"
)

func addConfigFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "configuration file")
}

// loadConfig reads the file of --config.
func loadConfig(file string) (*config.Config, error) {
	config, err := config.Load(file)
	if hint := files.Hint(err, ""); hint != "" {
		err = fault.WithHint(err, hint+"; `bulla-keyservice serve --help` shows a configuration")
	}
	return config, err
}

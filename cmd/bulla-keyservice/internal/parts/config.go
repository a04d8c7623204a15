// Package parts opens what commands of the key service work on, as its configuration or
// their flags name it: the store, the copy of the repository, the tokens. Errors of a
// command line are of usage.
package parts

import (
	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	"github.com/bulla-dev/bulla/keyservice/config"
)

// AddConfigFlag adds --config.
func AddConfigFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "configuration file")
}

// LoadConfig reads the file of --config.
func LoadConfig(file string) (*config.Config, error) {
	config, err := config.Load(file)
	if hint := files.Hint(err, ""); hint != "" {
		err = fault.WithHint(err, hint+"; `bulla-keyservice serve --help` shows a configuration")
	}
	return config, err
}

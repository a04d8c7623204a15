// Package hsmcmd looks whether a token will do.
package hsmcmd

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// New is the command hsm.
func New() *cobra.Command {
	cmd := &cobra.Command{Use: "hsm", Short: "Look whether a token will do", Args: command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newCheckCommand())
	return cmd
}

type checkOptions struct {
	config   string
	token    config.TokenFile
	sessions int
	format   render.Format
}

func newCheckCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check {--config FILE | --token-uri URI | --module PATH --token-label LABEL}",
		Short: "Try in the token everything that a fleet needs of it",
		Long: `check makes throwaway keys in the token, with the attributes that a ceremony asks
for, reads the attributes back, derives, signs and computes with them, and
destroys them. It prints a line for each thing tried, and exits with 1 when one
failed. Do it before the ceremony, and after the token's firmware or its mode
changed. What each is for, and settings for tokens of several vendors:
` + manual.At + `hsm.md

The PIN is tried once.`,
		Example: `  bulla-keyservice hsm check --config keyservice.yaml
  bulla-keyservice hsm check --module /usr/lib/softhsm/libsofthsm2.so --token-label acme --pin-file pin`,
		Args: command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, flag := range []string{"token-uri", "module", "token-label", "pin-file"} {
				if cmd.Flags().Changed("config") && cmd.Flags().Changed(flag) {
					return fault.NewUsage("the configuration names a token: give it, or the token, alone",
						"--%s is given beside --config", flag)
				}
			}
			if err := o.format.Check(); err != nil {
				return err
			}
			return o.run(cmd.OutOrStdout())
		},
	}
	parts.AddConfigFlag(cmd, &o.config)
	parts.AddTokenFlags(cmd.Flags(), &o.token)
	render.Flag(cmd.Flags(), &o.format)
	cmd.Flags().IntVar(&o.sessions, "sessions", 0, "sessions to try (default: token.sessions of the configuration, or 4)")
	return cmd
}

// hsmConfig is the token of the configuration, or of the flags.
func (o *checkOptions) hsmConfig() (hsm.Config, error) {
	if o.config == "" {
		config, err := parts.TokenOf(o.token, "")
		if err != nil {
			return config, fault.AsUsage(err)
		}
		return config, nil
	}
	config, err := parts.LoadConfig(o.config)
	if err != nil {
		return hsm.Config{}, err
	}
	return parts.TokenConfig(config, slog.New(slog.DiscardHandler))
}

func (o *checkOptions) run(stdout io.Writer) error {
	config, err := o.hsmConfig()
	if err != nil {
		return err
	}
	switch {
	case o.sessions < 0 || o.sessions > hsm.MaxSessions:
		return fault.NewUsage("a service has token.sessions of its configuration, and 4 without",
			"--sessions %d is not between 1 and %d", o.sessions, hsm.MaxSessions)
	case o.sessions > 0:
		config.Sessions = o.sessions
	case config.Sessions == 0:
		config.Sessions = 4
	}
	checks, err := hsm.CheckToken(config, config.Sessions)
	if err != nil {
		return err
	}
	return o.report(stdout, checks)
}

// checkRow is one thing that was tried, as it is listed.
type checkRow struct {
	Tried     string `json:"tried"`
	Mechanism string `json:"mechanism"`
	State     string `json:"state"`
	Problem   string `json:"problem,omitempty"`
	Hint      string `json:"hint,omitempty"`
}

// report lists what was tried. In the text, reasons stand below the table.
func (o *checkOptions) report(stdout io.Writer, checks []hsm.Check) error {
	rows, reasons := []checkRow{}, ""
	table := render.Table{Header: []string{"TRIED", "MECHANISM", "STATE"}}
	for _, check := range checks {
		row := checkRow{Tried: check.What, Mechanism: check.Mechanism, State: "ok"}
		if check.Problem != "" {
			row.State, row.Problem, row.Hint = "FAILED", check.Problem, check.Hint
			reasons += fmt.Sprintf("\n%s: %s\n  %s\n", check.What, check.Problem, check.Hint)
		}
		rows = append(rows, row)
		table.Rows = append(table.Rows, []string{row.Tried, row.Mechanism, row.State})
	}
	if err := o.format.Print(stdout, rows, table); err != nil {
		return err
	}
	if reasons == "" {
		return nil
	}
	if o.format == render.Text {
		fmt.Fprint(stdout, reasons)
	}
	return fault.New("what each is for, and which settings of a token matter: "+manual.At+"hsm.md",
		"the token does not do what a fleet needs of it")
}

package parts

import (
	"context"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// AddTokenFlags adds the flags that name a token where no configuration file
// does.
func AddTokenFlags(flags *pflag.FlagSet, to *config.TokenFile) {
	flags.StringVar(&to.URI, "token-uri", "", "token as a PKCS#11 URI, instead of --module and --token-label (RFC 7512)")
	flags.StringVar(&to.Module, "module", "", "absolute path of the PKCS#11 library")
	flags.StringVar(&to.Label, "token-label", "", "label of the token")
	flags.StringVar(&to.PINFile, "pin-file", "",
		"file with the user PIN (default: pin-source of --token-uri, or the variable BULLA_PIN)")
}

// TokenOf reads the flags and the PIN. Its errors are of the command line.
func TokenOf(token config.TokenFile, fleet string) (hsm.Config, error) {
	if err := token.ReadURI(); err != nil {
		return hsm.Config{}, err
	}
	switch {
	case token.Module == "":
		return hsm.Config{}, fault.New("the absolute path of the PKCS#11 library, or --token-uri with module-path",
			"--module is missing")
	case token.Label == "":
		return hsm.Config{}, fault.New("the label that the token was initialised with, or --token-uri",
			"--token-label is missing")
	}
	pin, err := config.PIN(token.PINFile)
	if err != nil {
		return hsm.Config{}, fault.WithHint(err,
			files.Hint(err, "--pin-file, or pin-source of --token-uri, names a file that holds the PIN alone; or set BULLA_PIN"))
	}
	return token.HSM(fleet, pin), nil
}

// TokenConfig is the service's token, with its PIN.
func TokenConfig(of *config.Config, log *slog.Logger) (hsm.Config, error) {
	pin, err := config.PIN(of.Token.PINFile)
	if err != nil {
		return hsm.Config{}, fault.WithHint(err,
			files.Hint(err,
				"token.pinFile in the configuration, or pin-source of token.uri, names a file that holds the PIN alone; "+
					"or set BULLA_PIN"))
	}
	access := of.Token.HSM(of.Fleet, pin)
	access.Logger = log
	return access, nil
}

// WithWorker opens the token for as long as it is used.
func WithWorker(ctx context.Context, config hsm.Config, use func(*hsm.Worker) error) error {
	config.Sessions = 1
	worker, err := hsm.Start(ctx, config, nil)
	if err != nil {
		return err
	}
	defer worker.Close()
	return use(worker)
}

package parts

import (
	"cmp"

	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// TokenFlags names a token whose flags begin with a prefix of their own, beside
// the service's: the one that has the root key, or gets it.
type TokenFlags struct {
	prefix string
	file   config.TokenFile
}

// Add adds the flags, each said to be about what.
func (f *TokenFlags) Add(flags *pflag.FlagSet, prefix, what string) {
	f.prefix = prefix
	flags.StringVar(&f.file.URI, prefix+"token-uri", "", what+", as a PKCS#11 URI (RFC 7512)")
	flags.StringVar(&f.file.Module, prefix+"module", "",
		"its PKCS#11 library, an absolute path (default: that of the service's token)")
	flags.StringVar(&f.file.Label, prefix+"token-label", "", what)
	flags.StringVar(&f.file.PINFile, prefix+"pin-file", "",
		"file with its user PIN (default: pin-source of the URI, or the variable BULLA_ROOT_PIN)")
}

// Given says whether any of them was.
func (f *TokenFlags) Given() bool {
	return f.file != config.TokenFile{}
}

// Beside reads the flags and the PIN of a token that is not the service's. Its
// errors are of the command line.
func (f *TokenFlags) Beside(service hsm.Config) (hsm.Config, error) {
	file := f.file
	if err := file.ReadURI(); err != nil {
		return hsm.Config{}, err
	}
	file.Module = cmp.Or(file.Module, service.Module)
	if file.Label == "" {
		return hsm.Config{}, fault.New("the label of the token (or partition) that the root key has to itself, or --"+
			f.prefix+"token-uri",
			"--%stoken-label is missing", f.prefix)
	}
	pin, err := config.RootPIN(file.PINFile)
	if err != nil {
		return hsm.Config{}, fault.WithHint(err,
			files.Hint(err,
				"--"+f.prefix+"pin-file, or pin-source of --"+f.prefix+
					"token-uri, names a file that holds the PIN alone; or set BULLA_ROOT_PIN"))
	}
	root := file.HSM(service.Fleet, pin)
	root.Env = service.Env
	if root.SameToken(service) {
		return hsm.Config{}, fault.New(
			"whoever runs code in the service has its login: initialise a token or a partition of its own for the root key",
			"--%stoken-label names the service's token", f.prefix)
	}
	if pin == service.PIN {
		return hsm.Config{}, fault.New(
			"whoever runs code in the service has that PIN: give the root key's token one of its own",
			"the root key's token has the PIN of the service's token")
	}
	return root, nil
}

// BesideService is [TokenFlags.Beside] for flags whose errors are of the command line.
func BesideService(f *TokenFlags, service hsm.Config) (hsm.Config, error) {
	root, err := f.Beside(service)
	if err != nil {
		return root, fault.AsUsage(err)
	}
	return root, nil
}

// ErrNoRootToken is for a command that signs and is not told where the root key is.
func ErrNoRootToken(hint string) error {
	return fault.NewUsage(
		"the root key has a token (or partition) of its own, with a PIN of its own: --root-token-label and "+
			"--root-pin-file, or --root-token-uri"+hint,
		"--root-token-label is missing")
}

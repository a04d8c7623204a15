package sealcmd

import (
	"bytes"
	"errors"

	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/values"
)

// one are the flags of where a single value comes from. None of them takes the
// value itself: an argument stays in the shell's history and in the list of
// processes.
type one struct {
	stdin    bool
	file     string
	generate int
	alphabet string
}

func (o *one) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.stdin, "stdin", false, "take the value from standard input, as it is")
	f.StringVar(&o.file, "from-file", "", "take the value from the file at `path`, as it is; - for standard input")
	f.IntVar(&o.generate, "generate", 0, "make a value of `n` characters that nobody sees")
	f.StringVar(&o.alphabet, "alphabet", "alnum", "with --generate, the `alphabet`: "+list(values.Alphabets()))
}

// single is the one value of a verb: its key, and how it is read.
type single struct {
	key  string
	read func(*values.Source, values.Set) error
	// recipe is set where the value is made here.
	recipe *values.Recipe
}

// of is how the key gets its value.
func (o *one) of(s *shell.Shell, f *pflag.FlagSet, key string) (*single, error) {
	if err := values.CheckKey(key); err != nil {
		return nil, err
	}
	generate := f.Changed("generate")
	switch given := count(o.stdin, o.file != "", generate); {
	case given > 1:
		return nil, fault.NewUsage("give one of --stdin, --from-file and --generate", "the value has two sources")
	case f.Changed("alphabet") && !generate:
		return nil, fault.NewUsage("add --generate 32", "--alphabet says what a generated value is made of")
	}
	if generate {
		return made(s, key, values.Recipe{Length: o.generate, Alphabet: o.alphabet}), nil
	}
	return &single{key: key, read: func(source *values.Source, set values.Set) error {
		switch {
		case o.stdin:
			return source.Input(set, key)
		case o.file != "":
			return source.File(set, key, o.file)
		}
		return ask(source, set, key, "give --stdin, --from-file PATH or --generate 32")
	}}, nil
}

// made is a value that is made by a recipe, and that nobody sees.
func made(s *shell.Shell, key string, recipe values.Recipe) *single {
	return &single{key, func(source *values.Source, set values.Set) error {
		value, _, err := values.Generate(recipe.Length, recipe.Alphabet)
		if err != nil {
			return err
		}
		WarnGuessable(s, key, recipe)
		return source.Value(set, key, value)
	}, &recipe}
}

// WarnGuessable tells of a value that was made by too short a recipe, whoever wrote that.
func WarnGuessable(s *shell.Shell, key string, recipe values.Recipe) {
	if weak := values.Weak(key, recipe); weak != "" {
		s.Warnf("%s", weak)
	}
}

// typed is the longest value that is asked for. A terminal drops without a word what
// goes beyond 4,095 bytes of one line (termios(3), canonical mode), and both times.
const typed = 4000

// ask takes the value from the person, twice: nobody can look at it later.
func ask(source *values.Source, set values.Set, key, hint string) error {
	value, err := shell.Hidden("Value of " + key + " (not shown)")
	if err != nil {
		if errors.Is(err, shell.ErrNoTerminal) {
			return fault.NewUsage(hint, "nothing gives the value of key %q, and there is %w", key, err)
		}
		return fault.New(hint, "read the value of key %q: %w", key, err)
	}
	if bytes.HasPrefix(value, []byte("-----BEGIN ")) {
		swallow()
		return fault.NewUsage("give --from-file PATH or --stdin",
			"the value of key %q begins as one of several lines, and a terminal gives one", key)
	}
	if len(value) > typed {
		return fault.NewUsage("give --from-file PATH or --stdin",
			"the value of key %q has more than %d bytes, and a terminal cuts off what is longer", key, typed)
	}
	if len(value) > 0 {
		again, err := shell.Hidden("The same again")
		if err != nil {
			return fault.New(hint, "read the value of key %q: %w", key, err)
		}
		if !bytes.Equal(value, again) {
			return fault.New("type it again; or "+hint, "the two values of key %q differ: nothing was sealed", key)
		}
	}
	return source.Value(set, key, value)
}

// swallow reads the rest of what was pasted: the shell would show it, try to run it, and
// keep it in its history.
func swallow() {
	const lines = 1000
	for range lines {
		line, err := shell.Hidden("")
		if err != nil || bytes.HasPrefix(line, []byte("-----END ")) {
			return
		}
	}
}

func count(given ...bool) (n int) {
	for _, yes := range given {
		if yes {
			n++
		}
	}
	return n
}

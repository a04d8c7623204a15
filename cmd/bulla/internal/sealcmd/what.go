package sealcmd

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/sealing"
)

// what are the flags of what is sealed and taken away.
type what struct {
	literals, files, envFiles []string
	manifest                  string
	shape                     shape
	removals, renames         []string
	generate                  []string
	allowEmpty                bool
	// pending are values that are read last; see [what.readPending].
	pending []*single
	// again are the keys whose values must be given again, as the stub says; nil for
	// commands that take what they are given.
	again func(sealjob.Where) ([]string, error)
}

func (w *what) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&w.literals, "from-literal", nil,
		"`KEY=VALUE` to seal; may be repeated (stays in your shell's history)")
	f.StringArrayVar(&w.files, "from-file", nil,
		"`KEY=PATH` or PATH to seal, KEY=- for standard input; may be repeated")
	f.StringArrayVar(&w.envFiles, "from-env-file", nil,
		"`path` of a file of lines KEY=VALUE, - for standard input; may be repeated")
	f.StringVarP(&w.manifest, "file", "f", "", "`path` of a v1 Secret manifest to seal, - for standard input")
	f.StringArrayVar(&w.generate, "generate", nil,
		"`KEY=LENGTH[,ALPHABET]` of a value to make that nobody sees; may be repeated")
	w.shape.flags(f)
	f.StringArrayVar(&w.removals, "remove", nil, "`key` to take away; may be repeated")
	f.StringArrayVar(&w.renames, "rename", nil,
		"`OLD=NEW` takes OLD away; the value is given again for NEW; may be repeated")
	f.BoolVar(&w.allowEmpty, "allow-empty", false, "seal empty values too")
}

// read takes the values from the command line. Those that are pending stand there empty.
func (w what) read(stdin io.Reader) (values.Set, *values.Manifest, error) {
	source := &values.Source{AllowEmpty: w.allowEmpty, Stdin: stdin}
	set := values.Set{}
	var manifest *values.Manifest
	var err error
	if w.manifest != "" {
		if manifest, err = source.Secret(set, w.manifest); err != nil {
			return nil, nil, err
		}
	}
	if err := source.Literals(set, w.literals); err != nil {
		return nil, nil, err
	}
	if err := source.Files(set, w.files); err != nil {
		return nil, nil, err
	}
	if err := source.EnvFiles(set, w.envFiles); err != nil {
		return nil, nil, err
	}
	if err := w.shape.add(source, set); err != nil {
		return nil, nil, err
	}
	for _, one := range w.pending {
		if _, given := set[one.key]; given {
			return nil, nil, fault.NewUsage("give each key once", "the value of key %q has two sources", one.key)
		}
		set[one.key] = []byte{}
	}
	if len(set) == 0 && len(w.removals)+len(w.renames) == 0 && w.again == nil {
		return nil, nil, fault.NewUsage("give --from-file, --from-env-file, --from-literal, --generate, --cert and --key, "+
			"--docker-server or -f",
			"there is nothing to seal")
	}
	return set, manifest, set.CheckSize()
}

// make leaves the values pending that are to be made here.
func (w *what) make(s *shell.Shell) error {
	words := make([]string, 0, len(w.generate))
	for _, word := range w.generate {
		if !strings.Contains(word, ",") {
			word += ",alnum"
		}
		words = append(words, word)
	}
	recipes, err := values.ParseRecipes(strings.Join(words, " "))
	if err != nil {
		hint := "write --generate KEY=32 or KEY=32,ALPHABET, of " + list(values.Alphabets())
		return fault.NewUsage(hint, "--generate: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(recipes)) {
		w.pending = append(w.pending, made(s, key, recipes[key]))
	}
	return nil
}

// readPending takes the values that are asked for, once everything else is known to be
// right: nobody likes to type a value twice, and then hear that the key is misspelt.
func (w what) readPending(stdin io.Reader, set values.Set) error {
	for _, one := range w.pending {
		delete(set, one.key)
		if err := one.read(&values.Source{AllowEmpty: w.allowEmpty, Stdin: stdin}, set); err != nil {
			return err
		}
	}
	return set.CheckSize()
}

// giveAgain leaves the values pending that the stub has and nobody gave.
func (w *what) giveAgain(where sealjob.Where, set values.Set) error {
	if w.again == nil {
		return nil
	}
	keys, err := w.again(where)
	if err != nil {
		return err
	}
	var missing []string
	for _, key := range keys {
		if _, given := set[key]; !given {
			missing = append(missing, key)
		}
	}
	for _, key := range missing {
		set[key] = []byte{}
		hint := "give the values again, each with --from-file KEY=PATH: " + strings.Join(missing, ", ")
		w.pending = append(w.pending, &single{key: key, read: func(source *values.Source, set values.Set) error {
			return ask(source, set, key, hint)
		}})
	}
	for key := range set {
		if !slices.Contains(keys, key) {
			return fault.NewUsage("it needs "+list(keys), "%s: key %q needs no value: it stays as it is", where.File, key)
		}
	}
	return nil
}

// of is what the job does with the values: they are given, and keys go.
func (w what) of(set values.Set) (sealjob.What, error) {
	job := sealjob.What{Values: set, Without: slices.Clone(w.removals), Renamed: map[string]string{}}
	for _, text := range w.renames {
		old, now, ok := strings.Cut(text, "=")
		if !ok || old == "" || now == "" {
			return job, fault.NewUsage("write --rename OLD=NEW", "--rename takes two keys")
		}
		job.Renamed[old], job.Without = now, append(job.Without, old)
	}
	return job, job.Check()
}

// whom are the flags of whom it is sealed for.
type whom struct {
	placement      string
	sets, clusters []string
	twoLock        bool
}

func (w *whom) flags(f *pflag.FlagSet) {
	f.StringVar(&w.placement, "for", "", "`placement` that builds the stub")
	f.StringSliceVar(&w.sets, "set", nil, "cluster `set` to lock to; may be repeated")
	f.StringSliceVar(&w.clusters, "cluster", nil, "`cluster` to lock to, with --two-lock; may be repeated")
	f.BoolVar(&w.twoLock, "two-lock", false, "lock to single clusters with their own keys")
}

func (w whom) of() sealjob.Whom {
	job := sealjob.Whom{Placement: w.placement, TwoLock: w.twoLock}
	for _, name := range w.sets {
		job.Targets = append(job.Targets, sealing.Target{Kind: sealing.Set, Name: name})
	}
	for _, name := range w.clusters {
		job.Targets = append(job.Targets, sealing.Target{Kind: sealing.Cluster, Name: name})
	}
	return job
}

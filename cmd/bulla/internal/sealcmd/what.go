package sealcmd

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/sealjob"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/values"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
	"github.com/bulla-dev/bulla/sealing"
)

// what are the flags of what is sealed and taken away.
type what struct {
	literals, files, envFiles []string
	manifest                  string
	removals, renames         []string
	allowEmpty                bool
	// one is the value of a verb that takes a single one, or nil.
	one *single
}

func (w *what) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&w.literals, "from-literal", nil,
		"`KEY=VALUE` to seal; may be repeated (stays in your shell's history)")
	f.StringArrayVar(&w.files, "from-file", nil,
		"`KEY=PATH` or PATH to seal, KEY=- for standard input; may be repeated")
	f.StringArrayVar(&w.envFiles, "from-env-file", nil,
		"`path` of a file of lines KEY=VALUE, - for standard input; may be repeated")
	f.StringVarP(&w.manifest, "file", "f", "", "`path` of a v1 Secret manifest to seal, - for standard input")
	f.StringArrayVar(&w.removals, "remove", nil, "`key` to take away; may be repeated")
	f.StringArrayVar(&w.renames, "rename", nil,
		"`OLD=NEW` takes OLD away; the value is given again for NEW; may be repeated")
	f.BoolVar(&w.allowEmpty, "allow-empty", false, "seal empty values too")
}

// read takes the values from the command line. That of a verb that takes a single one
// is not there yet: see [what.readOne].
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
	if w.one != nil {
		set[w.one.key] = []byte{}
	}
	if len(set) == 0 && len(w.removals)+len(w.renames) == 0 {
		return nil, nil, fault.NewUsage("give --from-file, --from-env-file, --from-literal or -f",
			"there is nothing to seal")
	}
	return set, manifest, set.CheckSize()
}

// readOne takes the single value, once everything else is known to be right: nobody
// likes to type a value twice, and then hear that the key is misspelt.
func (w what) readOne(stdin io.Reader, set values.Set) error {
	delete(set, w.one.key)
	if err := w.one.read(&values.Source{AllowEmpty: w.allowEmpty, Stdin: stdin}, set); err != nil {
		return err
	}
	return set.CheckSize()
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

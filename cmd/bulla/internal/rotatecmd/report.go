package rotatecmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/naming"
)

// report is what was replaced, and what was not. No value is in it.
type report struct {
	// Branch has the commit, "" where there is none.
	Branch   string     `json:"branch,omitempty"`
	Replaced []replaced `json:"replaced"`
	// People lists what only people can replace.
	People []people `json:"people"`
}

type replaced struct {
	File string `json:"file"`
	// Objects are all that the stub becomes.
	Objects []string       `json:"objects"`
	Key     string         `json:"sealingKey"`
	Values  []sealedValues `json:"values"`
	// ReadBy are the workloads of the repository that read it.
	ReadBy []string `json:"readBy"`
	// becomes is Objects in words.
	becomes string
}

type sealedValues struct {
	Fields  []string `json:"fields"`
	Targets []string `json:"targets"`
}

type people struct {
	File   string   `json:"file"`
	Fields []string `json:"fields"`
	Why    string   `json:"why"`
	ReadBy []string `json:"readBy"`
}

func (p people) keys() []string { return keysOf(p.Fields) }

func (r replaced) keys() (keys []string) {
	for _, one := range r.Values {
		keys = append(keys, keysOf(one.Fields)...)
	}
	return keys
}

func keysOf(fields []string) (keys []string) {
	for _, field := range fields {
		keys = append(keys, keyOf(field))
	}
	return keys
}

// save writes the files into the working tree, once the store has what they name.
func (r *rotation) save(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(r.keep)) {
		if _, err := r.store.Keep(ctx, name, r.keep[name]); err != nil {
			return fault.WithHint(fmt.Errorf("nothing was written: %w", err), fault.Hint(err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.files)) {
		old, err := r.repo.Tree.ReadFile(name)
		if err == nil {
			err = atomicfile.Replace(r.repo.Abs(name), old, r.files[name])
		}
		if err != nil {
			return fault.WithHint(fmt.Errorf("write %s: %w", name, err),
				"what was written before it is in the working tree: `git status` lists it")
		}
	}
	r.shell.Remember(r.repo)
	return nil
}

func (r *rotation) table() render.Table { return render.Table{} }

// tell says what was replaced, and what waits for people.
func (r *rotation) tell() error {
	if r.format != render.Text {
		if err := r.format.Print(r.shell.Stdout, r.report, r.table()); err != nil {
			return err
		}
	} else {
		r.text()
	}
	values := 0
	for _, one := range r.report.People {
		values += len(one.Fields)
	}
	if values > 0 && r.options.exposed != "" {
		return &fault.Error{
			Code: fault.Findings, Hint: "bulla set FILE KEY asks for each; change it where it is used, too",
			Err: fmt.Errorf("only people can replace %s", plural.Of(values, "value")),
		}
	}
	return nil
}

func (r *rotation) text() {
	for _, one := range r.report.Replaced {
		r.shell.Printf("%s: made anew as %s under key %s\n", one.File, one.becomes, one.Key)
		for _, v := range one.Values {
			r.shell.Printf("  %s for %s\n", strings.Join(v.Fields, " "), strings.Join(v.Targets, ", "))
		}
		r.readBy(one.ReadBy)
	}
	for _, one := range r.report.People {
		r.shell.Printf("only people can replace %s: %s: %s\n", one.File, strings.Join(one.Fields, " "), one.Why)
		r.readBy(one.ReadBy)
	}
	files := plural.Of(len(r.files), "file")
	switch {
	case len(r.files) == 0:
	case r.dryRun:
		r.shell.Printf("%s would change; nothing was written\n", files)
	case r.report.Branch != "":
		r.shell.Printf("%s changed, committed on branch %s; review it with `bulla plan` and `git show`\n", files,
			r.report.Branch)
	default:
		r.shell.Printf("%s changed, in the working tree\n", files)
	}
}

func (r *rotation) readBy(readers []string) {
	if len(readers) == 0 {
		r.shell.Printf("  no workload of this repository reads it\n")
		return
	}
	r.shell.Printf("  read by %s\n", naming.Some(readers))
}

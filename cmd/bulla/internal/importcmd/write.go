package importcmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// write puts everything onto the branch. Until here nothing has changed.
func (i *importing) write(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(i.files))
	if i.git != nil {
		if err := i.git.CheckSame(ctx, names); err != nil {
			return err
		}
		if err := i.git.Begin(ctx, i.options.branch); err != nil {
			return err
		}
	}
	for _, name := range names {
		old, err := i.repo.Tree.ReadFile(name)
		if err != nil {
			err = atomicfile.Create(i.repo.Abs(name), i.files[name], 0o644)
		} else {
			err = atomicfile.Replace(i.repo.Abs(name), old, i.files[name])
		}
		if err != nil {
			return fault.WithHint(fmt.Errorf("write %s: %w", name, err),
				"what was written before it is in the working tree: `git status` lists it")
		}
	}
	if i.git == nil {
		return nil
	}
	return i.git.Commit(ctx, names, i.message())
}

func (i *importing) message() string {
	return fmt.Sprintf("Seal %s from elsewhere (%s)\n\nWritten by bulla import. Each was opened again, with a key that "+
		"is thrown away.", plural.Of(len(i.came), "Secret"), i.from.kind)
}

// tell says what came, what did not, and what people must do.
func (i *importing) tell(h *haul.Haul) error {
	var todo []string
	for _, one := range i.came {
		i.shell.Printf("%s: %s/%s, from %s, sealed under key %s and opened again\n", one.file, one.out.Object.Namespace,
			one.out.Object.Name, printable.Name(one.item.From), one.out.Key)
		for _, sealed := range one.out.Sealed {
			i.shell.Printf("  %s for %s\n", strings.Join(sealed.Fields, " "), strings.Join(sealed.Targets, ", "))
		}
		todo = append(todo, one.item.Todo...)
	}
	for _, left := range h.Left {
		i.shell.Printf("left behind: %s: %s\n", line(left.What), line(left.Why))
		if left.Hint != "" {
			i.shell.Printf("  hint: %s\n", line(left.Hint))
		}
	}
	if len(i.came) > 0 {
		if i.takeOver {
			todo = append(todo, "merge, and wait until the Delivery is Ready: its Secrets are taken over where they stand")
		}
		todo = append(todo, h.Todo...)
	}
	for _, what := range todo {
		i.shell.Printf("to do: %s\n", line(what))
	}
	i.sum()
	switch {
	case len(i.came) == 0:
		return fault.New("each line above says why", "nothing could be imported")
	case len(h.Left) > 0:
		return &fault.Error{
			Code: fault.Findings, Hint: "each line above says why",
			Err: fmt.Errorf("%s left behind", plural.Of(len(h.Left), "object")),
		}
	}
	return nil
}

// line makes one line of a text: names of files and of what a cluster has are others',
// and a newline in one would forge a line of the report.
func line(text string) string { return printable.Name(strings.ReplaceAll(text, "\n", "; ")) }

// sum says where it is now.
func (i *importing) sum() {
	switch secrets := plural.Of(len(i.came), "Secret"); {
	case len(i.came) == 0:
	case i.dryRun:
		i.shell.Printf("%s would come; nothing was written\n", secrets)
	case i.git == nil:
		i.shell.Printf("%s sealed, in the working tree\n", secrets)
	default:
		i.shell.Printf("%s sealed, committed on branch %s; review it with `git show`\n", secrets, i.options.branch)
	}
}

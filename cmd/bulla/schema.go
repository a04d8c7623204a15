package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/docs/reference/schemas"
)

const schemaLong = `Print the JSON Schema of a kind, for editors and for checks without bulla.

Without KIND the kinds are listed. With --dir all schemas are written into a
folder, as catalogues of schemas have them: GROUP/KIND_VERSION.json.

New files of bulla place, bulla seal and bulla cluster add begin with a line that
tells editors which schema to fetch. It is a comment: no byte that counts for a
value, and nothing is sent. Take it out where nobody wants it.

A schema knows fields, types and words. What a fleet demands beyond them, only
bulla validate knows.`

const schemaExample = `  bulla schema placement

  # without the network: an editor's settings name the folder's files
  bulla schema --dir ~/.local/share/bulla/schemas`

func newSchema(a *app) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "schema [KIND]", Short: "Print the JSON Schema of a kind", Long: schemaLong, Example: schemaExample,
		Args: command.Args("one kind", 0, 1), ValidArgs: schemas.Kinds(),
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case dir != "" && len(args) > 0:
				return fault.NewUsage("leave one of the two out", "--dir writes the schemas of all kinds")
			case dir != "":
				return a.writeSchemas(dir)
			case len(args) == 0:
				a.Printf("%s\n", strings.Join(schemas.Kinds(), "\n"))
				return nil
			}
			text, ok := schemas.Of(args[0])
			if !ok {
				return fault.NewUsage("the kinds are "+strings.Join(schemas.Kinds(), ", "), "there is no kind %.60q", args[0])
			}
			a.Printf("%s", text)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write all schemas into this `folder`")
	return cmd
}

// writeSchemas puts those of before aside: they are this program's.
func (a *app) writeSchemas(dir string) error {
	for _, kind := range schemas.Kinds() {
		text, _ := schemas.Of(kind)
		name := filepath.Join(dir, filepath.FromSlash(schemas.Name(kind)))
		old, err := os.ReadFile(name)
		switch {
		case os.IsNotExist(err):
			err = atomicfile.Create(name, text, 0o644)
		case err == nil:
			err = atomicfile.Replace(name, old, text)
		}
		if err != nil {
			return fault.New(files.Hint(err, "--dir takes a folder, which is made where there is none"),
				"write schemas: %w", err)
		}
		a.Printf("%s\n", name)
	}
	return nil
}

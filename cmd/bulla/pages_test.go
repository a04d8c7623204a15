package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

// Commands of bulla stand in blocks, at the beginning of a line or behind another
// command, and in the text, as code.
var (
	blocks  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	inBlock = regexp.MustCompile(`(?m)(?:^\s*(?:\$ )?|\| ?|&& )((?:kubectl )?bulla [a-z][^|\n]*)`)
	inText  = regexp.MustCompile("`((?:kubectl )?bulla [a-z][^`]*)`")
)

// TestPagesNameCommandsThatThereAre holds every page to the command line: one that
// was renamed, or lost a flag, lives on in a page otherwise.
func TestPagesNameCommandsThatThereAre(t *testing.T) {
	var pages []string
	err := filepath.WalkDir("../../docs", func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") && !strings.Contains(path, "/design/") && filepath.Base(path) != "cli.md" {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	root, commands := newRoot(&app{&shell.Shell{Stdout: &out, Stderr: &out, Screen: &out, Terminal: &out}}, "bulla"), 0
	for _, page := range append(pages, "../../README.md") {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), "\\\n", " ")
		found := inText.FindAllStringSubmatch(blocks.ReplaceAllString(text, ""), -1)
		for _, block := range blocks.FindAllString(text, -1) {
			found = append(found, inBlock.FindAllStringSubmatch(block, -1)...)
		}
		for _, m := range found {
			commands++
			if problem := unknown(root, strings.Fields(strings.TrimPrefix(m[1], "kubectl "))[1:]); problem != "" {
				t.Errorf("%s: %s: %s", page, m[1], problem)
			}
		}
	}
	if commands < 100 {
		t.Errorf("%d commands in %d pages: are they read?", commands, len(pages))
	}
}

// unknown says what of a command line there is not.
func unknown(root *cobra.Command, words []string) string {
	cmd, rest, err := root.Find(words)
	if err != nil || cmd == root {
		return "there is no such command"
	}
	if cmd.HasSubCommands() && len(rest) > 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(rest[0]) {
		return "there is no such command below it"
	}
	for _, word := range rest {
		if word == "#" || strings.HasPrefix(word, ">") || word == "|" || word == "&&" {
			return ""
		}
		name, _, _ := strings.Cut(strings.TrimRight(word, ".,;:)"), "=")
		if long, is := strings.CutPrefix(name, "--"); is && long != "" && long != "help" && cmd.Flag(long) == nil {
			return "it has no flag " + name
		}
	}
	return ""
}

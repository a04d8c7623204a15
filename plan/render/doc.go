// Package render shows a plan: as text on a terminal, as Markdown for a comment on a
// pull request, as JSON for programs, as SARIF for
// code scanning.
//
// What it shows was written by whoever wrote the branch: names, paths, errors that quote
// files. Each form has one place that all of it passes, where it is made harmless: the
// lines of a text, the code spans of Markdown, the strings of JSON,
// the messages of SARIF.
package render

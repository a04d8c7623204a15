package main

import (
	"io"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/fixtures/flagcanary"
)

func TestNoErrorOfACommandLineTellsASecret(t *testing.T) {
	flagcanary.Check(t, newCommand, func(w io.Writer, err error) { fault.Print(w, err) })
}

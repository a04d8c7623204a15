package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/runtime/logger"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

func TestALogDrivesNoTerminal(t *testing.T) {
	name := "a\x1b[2K\u009b31m\u202e.yaml"
	for _, encoding := range []string{"json", "console"} {
		var out bytes.Buffer
		log := newLogger(logger.Options{LogEncoding: encoding, LogLevel: "info"}, printable.Writer(&out))
		log.V(1).Info("not at this level")
		log.Error(errors.New(name), "build", "file", name)
		text := out.String()
		if strings.ContainsAny(text, "\x1b\u009b\u202e") || strings.Count(text, "\n") != 1 ||
			!strings.Contains(text, `\u001b`) {
			t.Errorf("%s: %q", encoding, text)
		}
		if encoding == "console" {
			continue
		}
		var line struct{ Level, File string }
		if err := json.Unmarshal([]byte(text), &line); err != nil || line.Level != "error" || line.File != name {
			t.Errorf("%s: %+v (%v)", encoding, line, err)
		}
	}
}

package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
)

var errLibrary = errors.New("the library says no")

// known is what a program knows of a library.
func known(err error) (fault.Code, string) {
	if errors.Is(err, errLibrary) {
		return fault.Trust, "ask the library"
	}
	return fault.OK, ""
}

func TestAnErrorIsPrintedWithItsHintAndCode(t *testing.T) {
	plain := errors.New("broken")
	for name, test := range map[string]struct {
		err  error
		code fault.Code
		want string
	}{
		"nothing": {nil, fault.OK, ""},
		"a failure": {fault.New("mend it",
			"read %q: %w", "x", plain), fault.Failure, "error: read \"x\": broken\nhint: mend it\n"},
		"its own hint": {fault.New("look", "%w", errors.New("a:2: no; hint: mend it")), fault.Failure,
			"error: a:2: no\nhint: mend it\nhint: look\n"},
		"two, own hints": {errors.New("a; hint: b; c; hint: d"), fault.Failure, "error: a; hint: b; c; hint: d\n"},
		"wrong usage":    {fault.NewUsage("see --help", "no"), fault.Usage, "error: no\nhint: see --help\n"},
		"wrapped":        {fmt.Errorf("seal: %w", fault.NewTrust("ask", "no")), fault.Trust, "error: seal: no\nhint: ask\n"},
		"turned":         {fault.AsUsage(fault.New("ask", "no")), fault.Usage, "error: no\nhint: ask\n"},
		"trusted":        {fault.AsTrust(fault.New("ask", "no")), fault.Trust, "error: no\nhint: ask\n"},
		"another hint":   {fault.WithHint(fault.NewUsage("ask", "no"), "look"), fault.Usage, "error: no\nhint: look\n"},
		"of a library": {
			fmt.Errorf("do it: %w", errLibrary), fault.Trust,
			"error: do it: the library says no\nhint: ask the library\n",
		},
		"several lines": {errors.Join(errors.New("one"), errors.New("two")), fault.Failure, "error: one\nerror: two\n"},
		"findings":      {fault.ErrFindings, fault.Findings, ""},
		"somebody's ^C": {
			context.Canceled, fault.Failure,
			"error: context canceled\nhint: it was stopped before its end: run it again\n",
		},
		"several, joined": {errors.Join(fault.NewUsage("ask", "a"), fault.New("look",
			"b")), fault.Usage, "error: a\nhint: ask\nerror: b\nhint: look\n"},
	} {
		var out strings.Builder
		if code := fault.Print(&out, test.err, known); code != test.code || out.String() != test.want {
			t.Errorf("%s: code %d, %q; want %d, %q", name, code, out.String(), test.code, test.want)
		}
	}
}

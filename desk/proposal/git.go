package proposal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

const (
	patience = 2 * time.Minute
	// mostSaid is how much of what git says on its errors is kept, in bytes.
	mostSaid = 16 << 10
	// mostShown is how much of it an error has.
	mostShown = 600
)

func (r Repository) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	p := r.Patience
	if p == 0 {
		p = patience
	}
	return context.WithTimeoutCause(ctx, p, &slow{p})
}

// slow says that git took too long.
type slow struct{ after time.Duration }

func (s *slow) Error() string { return fmt.Sprintf("it took longer than %s", s.after) }

// call is one run of git.
type call struct {
	args, env []string
	in        []byte
	// progress is told lines that git writes over.
	progress func(string)
}

// failure is how git ended, and what it said.
type failure struct {
	verb, said, out string
	code            int
}

func (f *failure) Error() string {
	if f.said == "" {
		return fmt.Sprintf("git %s ended with %d", f.verb, f.code)
	}
	return "git " + f.verb + ": " + printable.Line(f.said, mostShown)
}

func isExit(err error) bool {
	var f *failure
	return errors.As(err, &f)
}

// local are what git says to programs that it starts of the repository that it is in: a
// console that was started by an alias or a hook would work on that one.
var local = []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_INDEX_VERSION", "GIT_OBJECT_DIRECTORY",
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_QUARANTINE_PATH",
	"GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS", "GIT_LITERAL_PATHSPECS",
	"GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"}

// environment has git ask nobody at a terminal: it is that of whoever started the console,
// who does not look there. A credential helper may ask in its own way.
func (r Repository) environment(more []string) []string {
	all := r.Env
	if all == nil {
		all = os.Environ()
	}
	all = slices.DeleteFunc(slices.Clone(all), func(one string) bool {
		name, _, _ := strings.Cut(one, "=")
		return slices.Contains(local, name)
	})
	// A replacement of an object would have us commit on what nobody else sees.
	return append(append(all, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "GIT_NO_REPLACE_OBJECTS=1"), more...)
}

// git runs it in a session of its own, without a terminal, that is ended whole: a helper
// or a hook that hangs would hold the call.
func (r Repository) git(ctx context.Context, c call) (string, error) {
	verb := c.args[0]
	for n := 0; n < len(c.args) && c.args[n] == "-c"; n += 2 {
		verb = c.args[n+2]
	}
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", r.Folder, "--literal-pathspecs"}, c.args...)...)
	cmd.Env, cmd.Stdin = r.environment(c.env), bytes.NewReader(c.in)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, said := &output{}, &saying{progress: c.progress}
	cmd.Stdout, cmd.Stderr = out, said
	err := cmd.Run()
	text := strings.TrimSuffix(out.String(), "\n")
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		// The second: git is through, and a helper that it left behind, such as a cache of
		// credentials, keeps its output open.
		return text, nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("git %s: %w", verb, context.Cause(ctx))
	case errors.As(err, &exit):
		return "", &failure{verb: verb, said: withoutCredentials(said.String()), out: withoutCredentials(text),
			code: exit.ExitCode()}
	case errors.Is(err, exec.ErrNotFound):
		return "", fault.New("install git", "git %s: %w", verb, err)
	}
	return "", fmt.Errorf("git %s: %w", verb, err)
}

var inAddress = regexp.MustCompile(`://[^/@\s]+@`)

// withoutCredentials takes out what stands before the host of an address.
func withoutCredentials(text string) string { return inAddress.ReplaceAllString(text, "://") }

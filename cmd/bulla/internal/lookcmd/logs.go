package lookcmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/desk/period"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

const logsLong = `Show what the controller's pods write, of all of them together.

A line is time, level, the object that it is about, the message, and what else was
written down. Lines that are not the controller's are shown as they are, unless a
filter wants others.`

const logsExample = `  bulla logs --context prod-eu -f
  bulla logs --kind Delivery --name payments --level error --since 1h`

type logsFlags struct {
	place
	follow            bool
	since             time.Duration
	tail              int64
	level, kind, name string
}

var levels = []string{"trace", "debug", "info", "error"}

func newLogs(a run) *cobra.Command {
	f := &logsFlags{}
	cmd := &cobra.Command{
		Use: "logs", Short: "Show what the controller's pods write", Long: logsLong, Example: logsExample, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.logs(cmd.Context(), f) },
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on, and show what comes")
	period.Var(flags, &f.since, "since", 0, "only of that long ago, such as 1h")
	flags.Int64Var(&f.tail, "tail", -1, "at most so many `lines` of each pod, the newest")
	flags.StringVar(&f.level, "level", "", "only of this `level`: "+strings.Join(levels, ", "))
	flags.StringVar(&f.kind, "kind", "", "only about objects of this `kind`: FleetSync, Delivery, SealedManifest")
	flags.StringVar(&f.name, "name", "", "only about objects of this `name`")
	_ = cmd.RegisterFlagCompletionFunc("level", cobra.FixedCompletions(levels, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(gettable, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (f *logsFlags) options() *corev1.PodLogOptions {
	o := &corev1.PodLogOptions{Follow: f.follow}
	if f.since > 0 {
		seconds := max(int64(f.since.Seconds()), 1)
		o.SinceSeconds = &seconds
	}
	if f.tail >= 0 {
		o.TailLines = &f.tail
	}
	return o
}

func (a run) logs(ctx context.Context, f *logsFlags) error {
	if err := shell.OneOf("level", f.level, levels); err != nil {
		return err
	}
	if f.since < 0 {
		return fault.NewUsage("--since 1h is that long ago", "--since %s is not ago", f.since)
	}
	if f.kind != "" {
		kind, err := kube.KindOf(f.kind, gettable...)
		if err != nil {
			return err
		}
		f.kind = kind
	}
	cluster, err := f.connect()
	if err != nil {
		return err
	}
	namespace, err := cluster.Home(ctx, f.namespace)
	if err != nil {
		return err
	}
	pods, err := cluster.Controllers(ctx, namespace)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex // of the output
	ended := make(chan error, len(pods))
	for _, pod := range pods {
		go func() {
			stream, err := cluster.Logs(ctx, pod, f.options())
			if err == nil {
				err = f.copy(a.Stdout, &mu, stream)
			}
			ended <- err
		}()
	}
	return a.gather(ctx, ended, len(pods))
}

// maxLine bounds a line of a log in bytes; what is longer is cut.
const maxLine = 256 << 10

func (f *logsFlags) copy(w io.Writer, mu *sync.Mutex, stream io.ReadCloser) error {
	defer stream.Close()
	lines := bufio.NewReaderSize(stream, maxLine)
	for {
		text, cut, err := lines.ReadLine()
		if err == io.EOF { //nolint:errorlint // bufio gives it as it is
			return nil
		}
		if err != nil {
			return fault.New("run it again: the connection ended", "read logs: %w", err)
		}
		text = bytes.Clone(text) // what is read next is written over it
		for more := cut; more; {
			if _, more, err = lines.ReadLine(); err != nil {
				break
			}
		}
		if line, ok := f.line(text); ok {
			mu.Lock()
			_, err = fmt.Fprintln(w, line)
			mu.Unlock()
			if err != nil {
				return &outputError{err}
			}
		}
	}
}

// line is a line for people, if it is one that was asked for.
func (f *logsFlags) line(text []byte) (string, bool) {
	filtered := f.level != "" || f.kind != "" || f.name != ""
	var fields map[string]any
	if json.Unmarshal(text, &fields) != nil || fields["level"] == nil {
		return string(text), !filtered
	}
	take := func(name string) string {
		v, ok := fields[name]
		delete(fields, name)
		if !ok {
			return ""
		}
		return fmt.Sprint(v)
	}
	level, at, msg := take("level"), take("ts"), take("msg")
	kind, name := take("controllerKind"), take("name")
	namespace := take("namespace")
	take("controller")
	take("controllerGroup")
	take("reconcileID")
	delete(fields, kind)
	if f.level != "" && level != f.level || f.kind != "" && kind != f.kind || f.name != "" && name != f.name {
		return "", false
	}
	parts := []string{at, level}
	if kind != "" {
		parts = append(parts, strings.ToLower(kind)+"/"+name+"."+namespace)
	}
	parts = append(parts, msg)
	for i, part := range parts {
		parts[i] = printable.Name(part) // a newline would begin a line that nobody wrote
	}
	if len(fields) > 0 {
		if rest, err := json.Marshal(fields); err == nil {
			parts = append(parts, string(rest))
		}
	}
	return strings.Join(parts, " "), true
}

package lookcmd_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/lookcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
)

// written is what two pods write: the controller's lines, and one of another program.
var written = map[string]string{
	"bulla-a": `{"level":"info","ts":"2026-11-29T08:00:00Z","msg":"applied","controller":"delivery",` +
		`"controllerKind":"Delivery","controllerGroup":"bulla.dev",` +
		`"Delivery":{"name":"payments","namespace":"bulla-system"},` +
		`"name":"payments","namespace":"bulla-system","reconcileID":"1","objects":3}` + "\n" +
		`{"level":"error","ts":"2026-11-29T08:00:01Z","msg":"pass ended early","controllerKind":"FleetSync",` +
		`"name":"fleet","namespace":"bulla-system","error":"no"}` + "\n",
	"bulla-forged": `{"level":"info","ts":"1","msg":"hello\n2 error all is lost","name":"a\nb"}` + "\n",
	"bulla-b":      "panic: no JSON\n" + strings.Repeat("x", 300<<10) + "\nlast\n",
}

// questions are what a server was asked. It is safe for concurrent use.
type questions struct {
	mu   sync.Mutex
	text string
}

func (q *questions) add(one string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.text += one + " "
}

func (q *questions) String() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.text
}

// kubelet stands in for an API server with a kubelet behind it, which fixtures/cluster
// has not; it keeps what it was asked.
func kubelet(t *testing.T, asked *questions, pods ...string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pod, ok := strings.CutSuffix(r.URL.Path, "/log"); ok {
			asked.add(r.URL.RawQuery)
			text, up := written[filepath.Base(pod)]
			if !up {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","code":400,"reason":"BadRequest",`+
					`"message":"container is waiting to start"}`)
			}
			fmt.Fprint(w, text)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		var items []string
		for _, pod := range pods {
			items = append(items, fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"n"}}`, pod))
		}
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"PodList","items":[%s]}`, strings.Join(items, ","))
	}))
	t.Cleanup(s.Close)
	return kubeconfig(t, s.URL)
}

func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: %s}}]\n"+
		"contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\ncurrent-context: c\n", server)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

func TestLogsAreOfAllPodsAndOfWhatWasAskedFor(t *testing.T) {
	var asked questions
	config := kubelet(t, &asked, "bulla-a", "bulla-b")
	logs := func(flags ...string) []string {
		t.Helper()
		var out strings.Builder
		for _, cmd := range lookcmd.New(&shell.Shell{Stdout: &out, Stderr: &out, Screen: &out}) {
			if cmd.Name() != "logs" {
				continue
			}
			cmd.SetArgs(append([]string{"--kubeconfig", config, "-n", "n"}, flags...))
			if err := cmd.ExecuteContext(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	}
	if all := logs(); len(all) != 5 {
		t.Errorf("%d lines", len(all))
	}
	const applied = `2026-11-29T08:00:00Z info delivery/payments.bulla-system applied {"objects":3}`
	const ended = `2026-11-29T08:00:01Z error fleetsync/fleet.bulla-system pass ended early {"error":"no"}`
	for flags, want := range map[string]string{
		"--kind=delivery":                       applied,
		"--name=payments --since=1h --tail=7":   applied,
		"--level=error":                         ended,
		"--level=error --kind=deliveries":       "",
		"--level=error --since=1ms --name=none": "",
	} {
		if got := logs(strings.Fields(flags)...); strings.Join(got, "\n") != want {
			t.Errorf("%s: %q, want %q", flags, got, want)
		}
	}
	for _, want := range []string{"sinceSeconds=3600&tailLines=7", "sinceSeconds=1"} {
		if !strings.Contains(asked.String(), want) {
			t.Errorf("%s was not asked: %q", want, asked.String())
		}
	}
}

// look runs a command of this package.
func look(ctx context.Context, name string, args ...string) (out, warned string, err error) {
	var stdout, stderr strings.Builder
	for _, cmd := range lookcmd.New(&shell.Shell{Stdout: &stdout, Stderr: &stderr, Screen: &stderr}) {
		if cmd.Name() == name {
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			cmd.SetArgs(args)
			err = cmd.ExecuteContext(ctx)
		}
	}
	return stdout.String(), stderr.String(), err
}

// TestAPodThatIsNotUpTakesNoLogsOfOthers: it is why somebody looks.
func TestAPodThatIsNotUpTakesNoLogsOfOthers(t *testing.T) {
	var asked questions
	config := kubelet(t, &asked, "bulla-down", "bulla-a")
	out, warned, err := look(t.Context(), "logs", "--kubeconfig", config, "-n", "n")
	if err != nil || strings.Count(out, "\n") != 2 || !strings.Contains(warned, `warning: read logs of pod "bulla-down"`) {
		t.Errorf("%v: %q, %q", err, out, warned)
	}
	config = kubelet(t, &asked, "bulla-down", "bulla-gone")
	out, warned, err = look(t.Context(), "logs", "--kubeconfig", config, "-n", "n")
	if err == nil || out != "" || strings.Count(warned, "warning: ") != 1 {
		t.Errorf("%v: %q, %q", err, out, warned)
	}
}

func TestAMessageIsOneLine(t *testing.T) {
	var asked questions
	out, _, err := look(t.Context(), "logs", "--kubeconfig", kubelet(t, &asked, "bulla-forged"), "-n", "n")
	if err != nil || out != `1 info hello\u000a2 error all is lost`+"\n" {
		t.Errorf("%v: %q", err, out)
	}
}

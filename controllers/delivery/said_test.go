package delivery

import (
	"strings"
	"sync"

	"github.com/go-logr/logr/funcr"
	"k8s.io/client-go/tools/record"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// said collects everything that the controllers of this test binary log or
// record, at every level.
var said transcript

func init() {
	logf.SetLogger(funcr.New(func(prefix, args string) { said.add(prefix + " " + args) }, funcr.Options{Verbosity: 9}))
}

type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *transcript) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.WriteString(line + "\n")
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// recorder records events into said.
func recorder() record.EventRecorder {
	r := &record.FakeRecorder{Events: make(chan string, 100)}
	go func() {
		for event := range r.Events {
			said.add(event)
		}
	}()
	return r
}

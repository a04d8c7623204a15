package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/kustomize/internal/worker/deletions"
	"github.com/bulla-dev/bulla/kustomize/wire"
)

// Name is argv[0] of a worker: the hidden mark by which a binary knows what it
// was started for. It takes no other argument.
const Name = "bulla-build-worker"

// The pipes that a worker gets.
const (
	inFD  = 3
	outFD = 4
)

// MaybeRun makes this process a worker, and does not return then, when it was
// started as one.
func MaybeRun() {
	asked.Store(true)
	if len(os.Args) != 1 || os.Args[0] != Name {
		return
	}
	in, out := os.NewFile(inFD, "in"), os.NewFile(outFD, "out")
	if in == nil || out == nil {
		os.Exit(2)
	}
	if err := run(newPipe(in, out)); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// asked says that MaybeRun stands in this program. One without it that starts itself
// as a worker starts its own work again, which starts a worker, without end.
var asked atomic.Bool

// run makes one build, or one after the other where they share the process. Its error
// is about the pipe only: there is nobody to tell.
func run(p *pipe) error {
	for first := true; ; first = false {
		kind, body, err := p.receive(func(byte) int { return 64 << 10 })
		if err != nil || kind != frameStart {
			return errors.Join(err, errFrame)
		}
		var s start
		if err := json.Unmarshal(body, &s); err != nil {
			return err
		}
		if first {
			err = prepare(p, s)
		} else {
			forget()
		}
		if err == nil {
			err = buildOne(p, s.Dir)
		}
		if err != nil || !s.Shared {
			return err
		}
	}
}

// prepare makes the process what a build runs in.
func prepare(p *pipe, s start) error {
	// Two threads build, one collects: more would only cost memory.
	runtime.GOMAXPROCS(min(2, runtime.NumCPU()))
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(s.Memory / 4 * 3)
	os.Clearenv()
	http.DefaultTransport = refuse{}
	return p.sendJSON(frameReady, confine(s.Memory, s.CPU))
}

// forget leaves of earlier builds what a process has that made none: all that kustomize
// keeps of what it reads are its schemas, which a test holds.
func forget() { openapi.ResetOpenAPI() }

// buildOne makes one build.
func buildOne(p *pipe, dir string) error {
	files := newRemoteFS(p)
	objects, deletions, err := build(files, dir)
	if err != nil {
		failure := &Failure{}
		if !errors.As(err, &failure) {
			failure = diagnose(files, err)
		}
		return p.sendJSON(frameFailed, failure)
	}
	for _, object := range objects {
		if err := p.send(frameObject, object); err != nil {
			return err
		}
	}
	if err := p.sendJSON(frameDeletions, deletions); err != nil {
		return err
	}
	return p.send(frameDone)
}

// build returns the built objects as JSON, in kustomize's order, and what patches
// deleted. A stub that is wired is known when it has been read, and the workload may
// have been read before: so a build that has one begins again, with its wires written.
func build(fs *remoteFS, dir string) (objects [][]byte, found []deletions.Deletion, err error) {
	var wiring *wire.Wiring
	known := 0
	for range maxPasses {
		fs.begin()
		objects, found, err = pass(fs, dir, wiring)
		if final := (&Failure{}); errors.As(err, &final) && !final.unwired {
			return nil, nil, err
		}
		stubs := fs.wired()
		if len(stubs) == known {
			return objects, found, err
		}
		known = len(stubs)
		var failure *Failure
		if wiring, failure = fs.wire(stubs); failure != nil {
			if err != nil { // kustomize stopped before it had read everything
				failure.More = append(failure.More, diagnose(fs, err))
			}
			return nil, nil, failure
		}
	}
	return nil, nil, &Failure{Problem: "stubs with deliverAs are found one behind the other; hint: wire fewer of them " +
		"to what patches expect to be wired"}
}

// pass builds once, with the wires that there are. The way to
// JSON is the one kubectl takes: YAML 1.1, where a date stays a string.
func pass(fs *remoteFS, dir string, wiring *wire.Wiring) (objects [][]byte, found []deletions.Deletion, err error) {
	defer func() {
		if r := recover(); r != nil {
			objects, found, err = nil, nil, &Failure{Problem: "kustomize panicked"}
		}
		// What is of the wrong type is told by its file, whatever came of it.
		if wrong := fs.texts.failure(); wrong != nil && fs.refused == nil {
			objects, found, err = nil, nil, wrong
		}
	}()
	options := krusty.MakeDefaultOptions()
	// The parent's answers are the load restriction: files may come from
	// anywhere in the repository, as with Flux, and from nowhere else.
	options.LoadRestrictions = types.LoadRestrictionsNone
	options.PluginConfig = types.DisabledPluginConfig()
	resources, err := krusty.MakeKustomizer(options).Run(fs, filepath.Join(Root, dir))
	if fs.refused != nil {
		return nil, nil, fs.refused
	}
	if err != nil {
		return nil, nil, err
	}
	if wiring != nil {
		if err := fs.checked(wiring, resources); err != nil {
			return nil, nil, err
		}
	}
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			return nil, nil, err
		}
		object, err := yaml.YAMLToJSON(text)
		if err != nil {
			return nil, nil, err
		}
		objects = append(objects, object)
	}
	return objects, fs.patches.Find(), nil
}

// plain takes the child's own names out of kustomize's text, and bounds it.
func plain(text string) string {
	text = strings.ReplaceAll(text, Root+"/", "")
	text = strings.ReplaceAll(text, Root, ".")
	text = strings.ToValidUTF8(text, "?")
	if len(text) > 2000 {
		text = strings.ToValidUTF8(text[:2000], "") + " …"
	}
	return text
}

// refuse is the transport of a process without a network. The address is not
// repeated: it may hold credentials.
type refuse struct{}

func (refuse) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("a build has no network: remote references are refused")
}

package delivercmd

import (
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/stub"
)

// Flags say how workloads get a Secret: `bulla seal` has them too.
type Flags struct {
	env, volume, keys []string
	prefix, mode      string
	optional          bool
}

// Bind adds the flags.
func (o *Flags) Bind(f *pflag.FlagSet) {
	f.StringArrayVar(&o.env, "env", nil,
		"give the Secret as variables to `KIND/NAME[:CONTAINER]`, such as deployment/api; may be repeated")
	f.StringArrayVar(&o.keys, "env-key", nil,
		"with --env, `KEY=VARIABLE` instead of all keys by their names; may be repeated")
	f.StringVar(&o.prefix, "env-prefix", "", "with --env, `text` before the name of every variable")
	f.BoolVar(&o.optional, "env-optional", false, "with --env, start pods without the Secret too")
	f.StringArrayVar(&o.volume, "volume", nil,
		"mount the Secret, read-only and in memory, as `KIND/NAME[:CONTAINER]:/PATH`; may be repeated")
	f.StringVar(&o.mode, "volume-mode", "", "with --volume, the `mode` of the files in octal, such as 0400")
}

// Given reports whether there is anything to wire.
func (o *Flags) Given() bool { return len(o.env)+len(o.volume) > 0 }

// Check refuses what needs another flag.
func (o *Flags) Check() error {
	if len(o.env) == 0 && (len(o.keys) > 0 || o.prefix != "" || o.optional) {
		return fault.NewUsage("say for which workload: --env deployment/NAME",
			"--env-key, --env-prefix and --env-optional go with --env")
	}
	if len(o.volume) == 0 && o.mode != "" {
		return fault.NewUsage("say where: --volume deployment/NAME:/etc/db", "--volume-mode goes with --volume")
	}
	_, err := o.entries()
	return err
}

// Apply writes the entries into a stub file: in the place of the one for the same
// workload, containers and path, and else behind those that there are.
func (o *Flags) Apply(file string, data []byte) ([]byte, error) {
	entries, err := o.entries()
	if err != nil {
		return nil, err
	}
	old, err := api.ParseSealedManifest(file, data)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(old.Spec.DeliverAs)
	for _, e := range entries {
		if i := slices.IndexFunc(all, func(was api.DeliverAs) bool { return replaces(e.DeliverAs, was) }); i >= 0 {
			all[i] = e.DeliverAs
		} else {
			all = append(all, e.DeliverAs)
		}
	}
	if err := blame(old, entries); err != nil {
		return nil, err
	}
	return stub.Deliver(file, data, old, all)
}

// blame says of an entry that cannot be which flag it came from: the stub, which has
// no line of it, is as it should be.
func blame(old *api.SealedManifest, entries []entry) error {
	for _, e := range entries {
		alone := old.DeepCopy()
		alone.Spec.DeliverAs = []api.DeliverAs{e.DeliverAs}
		text, err := json.Marshal(alone)
		if err != nil {
			return err
		}
		var problem *api.ParseError
		if _, err := api.ParseSealedManifest("stub", text); errors.As(err, &problem) {
			said, hint, _ := strings.Cut(problem.Problem, "; hint: ")
			return fault.NewUsage(cmp.Or(e.hint(problem.Field, hint), "bulla deliver --help shows examples"),
				"%s: %s", e.flag(problem.Field), said)
		}
	}
	return nil
}

// entry is a wire, and the flag that asked for it.
type entry struct {
	api.DeliverAs
	given string
}

// flag names the flag that a field of the entry came from. A field that somebody's own
// words are part of is not told: a value may stand in its place.
func (e entry) flag(field string) string {
	switch {
	case strings.Contains(field, ".env.keys"):
		return "--env-key"
	case strings.Contains(field, ".env.prefix"):
		return "--env-prefix"
	case strings.Contains(field, ".volume.defaultMode"):
		return "--volume-mode"
	}
	return e.given
}

// hint says in flags what a stub would say in fields.
func (e entry) hint(field, hint string) string {
	if strings.HasSuffix(field, ".env") && e.Env != nil {
		return "name the variable of each key: --env-key KEY=VARIABLE"
	}
	return hint
}

func replaces(d, was api.DeliverAs) bool {
	switch {
	case d.Workload != was.Workload || !reflect.DeepEqual(d.Containers, was.Containers):
		return false
	case d.Env != nil:
		return was.Env != nil
	}
	return was.Volume != nil && was.Volume.MountPath == d.Volume.MountPath
}

func (o *Flags) entries() ([]entry, error) {
	var all []entry
	for _, text := range o.env {
		d, rest, err := workload("--env", text)
		if err != nil {
			return nil, err
		}
		if rest != "" {
			return nil, fault.NewUsage("write --env deployment/api or --env deployment/api:CONTAINER", "--env takes no path")
		}
		d.Env = &api.DeliverEnv{Prefix: o.prefix, Optional: o.optional}
		for _, pair := range o.keys {
			key, name, ok := strings.Cut(pair, "=")
			if !ok || key == "" || name == "" {
				return nil, fault.NewUsage("write --env-key password=DB_PASSWORD",
					"--env-key takes a key and the name of a variable")
			}
			if d.Env.Keys == nil {
				d.Env.Keys = map[string]string{}
			}
			d.Env.Keys[key] = name
		}
		all = append(all, entry{d, "--env " + text})
	}
	for _, text := range o.volume {
		d, path, err := workload("--volume", text)
		if err != nil {
			return nil, err
		}
		if path == "" {
			return nil, fault.NewUsage("write --volume deployment/api:/etc/db", "--volume has no path to mount at")
		}
		d.Volume = &api.DeliverVolume{MountPath: path, DefaultMode: o.mode}
		all = append(all, entry{d, "--volume " + text})
	}
	return all, nil
}

// kinds are those that people type in small letters, and kubectl's short names.
var kinds = map[string]string{
	"deployment": "Deployment", "deploy": "Deployment", "statefulset": "StatefulSet", "sts": "StatefulSet",
	"daemonset": "DaemonSet", "ds": "DaemonSet", "job": "Job", "cronjob": "CronJob", "cj": "CronJob",
	"pod": "Pod", "po": "Pod", "replicaset": "ReplicaSet", "rs": "ReplicaSet",
}

// workload reads KIND/NAME[:CONTAINER][:/PATH].
func workload(flag, text string) (d api.DeliverAs, path string, err error) {
	text, rest, _ := strings.Cut(text, ":")
	kind, name, ok := strings.Cut(text, "/")
	if known := kinds[strings.ToLower(kind)]; known != "" {
		kind = known
	}
	if !ok || name == "" || kind == "" || kind[0] < 'A' || kind[0] > 'Z' {
		return d, "", fault.NewUsage("write KIND/NAME, such as deployment/api; another kind than Kubernetes' own as its "+
			"files have it, such as Rollout/api",
			"%s names no workload", flag)
	}
	d.Workload = api.WorkloadReference{Kind: kind, Name: name}
	if container, more, _ := strings.Cut(rest, ":"); rest != "" && !strings.HasPrefix(rest, "/") {
		d.Containers, rest = []string{container}, more
	}
	return d, rest, nil
}

package draft

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
)

var (
	// variable is narrower than what Kubernetes takes: a shell reads no name with a dash.
	variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	mode     = regexp.MustCompile(`^0[0-7]{3}$`)
	kind     = regexp.MustCompile(`^[A-Za-z]{1,63}$`)
)

// covered are folders that a container does not start without: a volume at one hides all of
// what is in it. Of kernels' nothing below is a place for a volume either.
var covered = []string{"/bin", "/boot", "/etc", "/home", "/lib", "/lib64", "/root", "/run", "/sbin", "/tmp", "/usr",
	"/var"}

// checkDeliver holds the wires to what a pod takes; the rest is the stub's to tell.
func (c Choice) checkDeliver() error {
	for _, d := range c.Deliver {
		if !kind.MatchString(d.Workload.Kind) || len(validation.IsDNS1123Subdomain(d.Workload.Name)) > 0 {
			return &FieldError{"workload", fault.NewUsage("choose among those that are shown", "%.60q is no workload",
				d.Workload.Kind+"/"+d.Workload.Name)}
		}
		if err := checkEnv(d.Env); err != nil {
			return err
		}
		if err := checkVolume(d.Volume); err != nil {
			return err
		}
	}
	return nil
}

func checkEnv(env *api.DeliverEnv) error {
	if env == nil {
		return nil
	}
	if prefix := env.Prefix; prefix != "" && !variable.MatchString(prefix) {
		return &FieldError{"variable", fault.NewUsage("letters, digits and '_', as DB_",
			"%.60q begins no name of an environment variable", prefix)}
	}
	for _, name := range env.Keys {
		if !variable.MatchString(name) {
			return &FieldError{"variable", fault.NewUsage("letters, digits and '_', as DB_PASSWORD",
				"%.60q is no name of an environment variable", name)}
		}
	}
	return nil
}

func checkVolume(volume *api.DeliverVolume) error {
	if volume == nil {
		return nil
	}
	at := volume.MountPath
	switch {
	case !strings.HasPrefix(at, "/") || len(at) < 2 || len(at) > 1024 || path.Clean(at) != at ||
		strings.ContainsAny(at, ":\\\x00\n\t"):
		return &FieldError{"path", fault.NewUsage("write a whole path in its one spelling, as /etc/db, without ':'",
			"%.60q is no folder to mount at", at)}
	case slices.Contains(covered, at):
		return &FieldError{"path", fault.NewUsage("choose a folder below it, as "+at+"/db",
			"a volume at %s hides all that the container has there", at)}
	case slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, func(k string) bool { return api.Within(at, k) }):
		return &FieldError{"path", fault.NewUsage("choose another one, as /etc/db", "%.60q is the kernel's", at)}
	case volume.DefaultMode != "" && !mode.MatchString(volume.DefaultMode):
		return &FieldError{"mode", fault.NewUsage("four digits from 0 to 7, as 0400", "%.20q is no mode of a file",
			volume.DefaultMode)}
	}
	return nil
}

// variables are the keys of values that pods get as variables: of those that stand in the
// stub, and those that are wired now.
func variables(keys []string, entries ...api.DeliverAs) (all []string) {
	for _, d := range entries {
		switch {
		case d.Env == nil:
		case len(d.Env.Keys) == 0:
			return keys
		default:
			for key := range d.Env.Keys {
				if slices.Contains(keys, key) && !slices.Contains(all, key) {
					all = append(all, key)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

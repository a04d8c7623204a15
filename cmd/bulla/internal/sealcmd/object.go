package sealcmd

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"
)

// object are the flags of the Secret that a stub makes.
type object struct{ name, namespace, kind, scope string }

func (o *object) flags(f *pflag.FlagSet) {
	f.StringVar(&o.scope, "scope", "", "`scope` of a new stub: strict (default), namespace or fleet")
	f.StringVar(&o.name, "name", "", "`name` of a new stub (default: that of the file or manifest)")
	f.StringVarP(&o.namespace, "namespace", "n", "",
		"`namespace` of a new stub (default: that of the placement or manifest)")
	f.StringVar(&o.kind, "type", "", "`type` of a new Secret (default: Opaque, or that of the manifest)")
}

// asked is what flags and manifest say that the Secret is; what is empty nobody said.
type asked struct {
	name, namespace string
	kind            corev1.SecretType
	scope           api.Scope
}

const (
	subdomainRule = "up to 253 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	labelRule     = "up to 63 lower-case letters, digits and '-', starting and ending with a letter or digit"
)

// asked holds the flags that name things to Kubernetes' rules: an error about the
// file that they would make says less.
func (o object) asked() (asked, error) {
	a := asked{name: o.name, namespace: o.namespace, kind: corev1.SecretType(o.kind)}
	var err error
	if a.scope, err = parseScope(o.scope); err != nil {
		return a, err
	}
	if problems := validation.IsDNS1123Subdomain(o.name); o.name != "" && len(problems) > 0 {
		return a, fault.NewUsage(subdomainRule, "--name %.60q is no name of a Secret", o.name)
	}
	if problems := validation.IsDNS1123Label(o.namespace); o.namespace != "" && len(problems) > 0 {
		return a, fault.NewUsage(labelRule, "--namespace %.60q is no name of a namespace", o.namespace)
	}
	return a, nil
}

func parseScope(text string) (api.Scope, error) {
	switch strings.ToLower(text) {
	case "":
		return "", nil
	case "strict":
		return api.ScopeStrict, nil
	case "namespace":
		return api.ScopeNamespace, nil
	case "fleet":
		return api.ScopeFleet, nil
	}
	return "", fault.NewUsage("write strict, namespace or fleet", "scope %q is unknown", text)
}

// with takes from a manifest what no flag said.
func (a asked) with(manifest *values.Manifest) asked {
	if manifest != nil {
		a.name = cmp.Or(a.name, manifest.Name)
		a.namespace = cmp.Or(a.namespace, manifest.Namespace)
		a.kind = cmp.Or(a.kind, manifest.Type)
	}
	return a
}

// fits refuses what would make another Secret of an existing stub.
func (p opening) fits(where sealjob.Where) error {
	metadata := where.Stub.Metadata
	has, err := stub.Type(where.Stub)
	if err != nil {
		return err
	}
	scope := cmp.Or(where.Stub.Spec.Scope, api.ScopeStrict)
	switch a := p.asked; {
	case a.name != "" && a.name != metadata.Name:
		return fault.New("give the right file, or leave --name out",
			"%s is named %q, not %q", where.File, metadata.Name, a.name)
	case a.namespace != "" && a.namespace != metadata.Namespace &&
		(metadata.Namespace != "" || !p.placedIn(a.namespace)):
		return fault.New("give the right file, or leave --namespace out",
			"%s is in namespace %q, not %q", where.File, metadata.Namespace, a.namespace)
	case a.kind != "" && a.kind != cmp.Or(has, corev1.SecretTypeOpaque):
		return fault.New("a Secret's type cannot change; write a new stub",
			"%s makes a Secret of type %q, not %q", where.File, has, a.kind)
	case a.scope != "" && a.scope != scope:
		return fault.New("all values of a stub have one scope; write a new stub",
			"%s has scope %s, not %s", where.File, scope, a.scope)
	}
	return nil
}

// placedIn: a stub that says no namespace gets that of its placement.
func (p opening) placedIn(namespace string) bool {
	for name, placement := range p.fleet.Repo.Model.Placements {
		if (p.placement == "" || p.placement == name) && slices.Contains(placement.Spec.AllNamespaces(), namespace) {
			return true
		}
	}
	return false
}

// begin is a new stub for the file.
func (p opening) begin(file string) (*api.SealedManifest, error) {
	a := p.asked
	// A stub of scope Fleet says none unless told: one that says it is refused by placements with others.
	if placement, ok := p.fleet.Repo.Model.Placements[p.placement]; ok && a.scope != api.ScopeFleet {
		a.namespace = cmp.Or(a.namespace, placement.Spec.TargetNamespace)
	}
	a.name = cmp.Or(a.name, strings.TrimSuffix(path.Base(file), path.Ext(file)))
	if len(p.what.Values) == 0 || p.verb == verbRename || p.verb == verbTarget {
		return nil, fault.New("name a stub that is there", "%s: there is no such file", file)
	}
	if err := p.checkNames(file, a); err != nil {
		return nil, err
	}
	return stub.New(a.name, a.namespace, cmp.Or(a.scope, api.ScopeStrict), cmp.Or(a.kind, corev1.SecretTypeOpaque),
		p.manifest)
}

// checkNames holds names that no flag gave to the same rules, and says where
// they come from.
func (p opening) checkNames(file string, a asked) error {
	if problems := validation.IsDNS1123Subdomain(a.name); len(problems) > 0 {
		if p.manifest != nil && p.manifest.Name == a.name {
			return fault.New("give another with --name: "+subdomainRule,
				"read the Secret manifest: metadata.name %.60q is no name of a Secret", a.name)
		}
		return fault.NewUsage("give the Secret's name with --name: "+subdomainRule,
			"%s: the file's name gives the Secret's, and %.60q is none", file, a.name)
	}
	if problems := validation.IsDNS1123Label(a.namespace); a.namespace != "" && len(problems) > 0 {
		return fault.New("give another with --namespace: "+labelRule,
			"read the Secret manifest: metadata.namespace %.60q is no name of a namespace", a.namespace)
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/fleetrepo"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/sealjob"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/stub"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/values"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
)

// load reads the stub, or begins a new one.
func (o sealOptions) load(job *sealjob.Job, scope api.Scope, manifest *values.Manifest) error {
	data, err := os.ReadFile(job.Repo.Abs(job.File))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o.begin(job, scope, manifest)
	case err != nil:
		if errors.Is(err, syscall.ENAMETOOLONG) {
			return fault.NewUsage("give the path of the file, with a shorter name", "the stub's name is too long for the name of a file")
		}
		return fmt.Errorf("read stub: %w", err)
	}
	job.Old = data
	if o.replace {
		return o.begin(job, scope, manifest)
	}
	if !api.ClaimsStub(data) {
		// Not parsed further: it may be a Secret in the clear, and errors quote.
		return fault.New("name a new file; a Secret manifest goes in with -f, or becomes a stub with `bulla seal --replace "+job.File+"`",
			"%s is there and is not a %s", job.File, api.KindSealedManifest)
	}
	if job.Stub, err = api.ParseSealedManifest(job.File, data); err != nil {
		return err
	}
	job.Text = data
	if err := o.fits(job, scope, manifest); err != nil {
		return err
	}
	return takeOver(job, manifest)
}

// takeOver puts what a manifest says beside its values into the stub, and says
// what the stub has beyond it.
func takeOver(job *sealjob.Job, manifest *values.Manifest) error {
	if stub.Immutable(job.Stub) && len(job.Values) > 0 && stub.Annotation(job.Stub, v1alpha1.ForceAnnotation) != "enabled" {
		job.Warn("%s makes an immutable Secret: a cluster that has it refuses the new value. Seal a stub with a new name, or annotate the template with %s: enabled to have it deleted and made again",
			job.File, v1alpha1.ForceAnnotation)
	}
	if manifest == nil {
		return nil
	}
	text, stays, err := stub.TakeOver(job.File, job.Text, job.Stub, manifest)
	if err != nil {
		return err
	}
	if job.Stub, err = api.ParseSealedManifest(job.File, text); err != nil {
		return err
	}
	job.Text = text
	for _, key := range job.Keys() {
		if _, given := job.Values[key]; !given && !slices.Contains(job.Without, key) {
			stays = append(stays, fmt.Sprintf("key %s (--remove %s takes it away)", key, key))
		}
	}
	if len(stays) > 0 {
		job.Note("%s keeps what the manifest does not have: %s", job.File, strings.Join(stays, ", "))
	}
	return nil
}

// fits refuses what would make another object of an existing stub.
func (o sealOptions) fits(job *sealjob.Job, scope api.Scope, manifest *values.Manifest) error {
	metadata := job.Stub.Metadata
	name, namespace, kind := o.identity(manifest)
	has, err := stub.Type(job.Stub)
	if err != nil {
		return err
	}
	isScope := first(job.Stub.Spec.Scope, api.ScopeStrict)
	switch {
	case name != "" && name != metadata.Name:
		return fault.New("give the right file, or leave --name out", "%s is named %q, not %q", job.File, metadata.Name, name)
	case namespace != "" && namespace != metadata.Namespace && (metadata.Namespace != "" || !o.placedIn(job.Repo, namespace)):
		return fault.New("give the right file, or leave --namespace out", "%s is in namespace %q, not %q", job.File, metadata.Namespace, namespace)
	case kind != "" && kind != first(has, corev1.SecretTypeOpaque):
		return fault.New("a Secret's type cannot change; write a new stub", "%s makes a Secret of type %q, not %q", job.File, has, kind)
	case scope != "" && scope != isScope:
		return fault.New("all values of a stub have one scope; write a new stub", "%s has scope %s, not %s", job.File, isScope, scope)
	}
	return nil
}

// placedIn: a stub that says no namespace gets that of its placement.
func (o sealOptions) placedIn(repo *fleetrepo.Repo, namespace string) bool {
	for name, p := range repo.Model.Placements {
		if (o.placement == "" || o.placement == name) && slices.Contains(p.Spec.AllNamespaces(), namespace) {
			return true
		}
	}
	return false
}

// identity is what flags and manifest say that the object is.
func (o sealOptions) identity(manifest *values.Manifest) (name, namespace string, kind corev1.SecretType) {
	name, namespace, kind = o.name, o.namespace, corev1.SecretType(o.secretType)
	if manifest != nil {
		name, namespace, kind = first(name, manifest.Name), first(namespace, manifest.Namespace), first(kind, manifest.Type)
	}
	return name, namespace, kind
}

func (o sealOptions) begin(job *sealjob.Job, scope api.Scope, manifest *values.Manifest) error {
	base := path.Base(job.File)
	name, namespace, kind := o.identity(manifest)
	if placement, ok := job.Repo.Model.Placements[o.placement]; ok {
		namespace = first(namespace, placement.Spec.TargetNamespace)
	}
	name = first(name, strings.TrimSuffix(base, path.Ext(base)))
	if len(job.Values) == 0 {
		return fault.New("name a stub that is there", "%s: there is no such file", job.File)
	}
	if err := o.checkIdentity(job.File, name, namespace, manifest); err != nil {
		return err
	}
	var err error
	job.Stub, err = stub.New(name, namespace, first(scope, api.ScopeStrict), first(kind, corev1.SecretTypeOpaque), manifest)
	return err
}

// checkIdentity holds names that no flag gave to the same rules, and says where
// they come from.
func (o sealOptions) checkIdentity(file, name, namespace string, manifest *values.Manifest) error {
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		if manifest != nil && manifest.Name == name {
			return fault.New("give another with --name: "+subdomainRule, "read the Secret manifest: metadata.name %.60q is no name of a Secret", name)
		}
		return fault.NewUsage("give the Secret's name with --name: "+subdomainRule, "%s: the file's name gives the Secret's, and %.60q is none", file, name)
	}
	if problems := validation.IsDNS1123Label(namespace); namespace != "" && len(problems) > 0 {
		return fault.New("give another with --namespace: "+labelRule, "read the Secret manifest: metadata.namespace %.60q is no name of a namespace", namespace)
	}
	return nil
}

const (
	subdomainRule = "up to 253 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	labelRule     = "up to 63 lower-case letters, digits and '-', starting and ending with a letter or digit"
)

// checkNames holds the flags that name things to Kubernetes' rules: an error
// about the file that they would make says less.
func (o sealOptions) checkNames() error {
	if problems := validation.IsDNS1123Subdomain(o.name); o.name != "" && len(problems) > 0 {
		return fault.NewUsage(subdomainRule, "--name %.60q is no name of a Secret", o.name)
	}
	if problems := validation.IsDNS1123Label(o.namespace); o.namespace != "" && len(problems) > 0 {
		return fault.NewUsage(labelRule, "--namespace %.60q is no name of a namespace", o.namespace)
	}
	return nil
}

// Package draft is a change that a person puts together: from public choices, and blocks
// that their browser sealed, to files of a commit and what a plan says of them.
//
// No value is ever here. What is to be sealed is told to the browser as jobs of
// console/sealer, and what comes back is held against what was asked for.
package draft

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/sealing"
)

// Kind is what a draft does.
type Kind string

// The kinds. New, Change, Rotate, Add, Single and Lost are sealed in a browser; the others need none.
const (
	New    Kind = "new"
	Change Kind = "change"
	Rotate Kind = "rotate"
	Add    Kind = "add"    // a cluster or set more, values given again
	Single Kind = "single" // for single clusters and their own keys alone, values given again
	Remove Kind = "remove" // a cluster or set less
	Away   Kind = "away"   // the secret goes
	Retire Kind = "retire" // the application goes
	Join   Kind = "join"   // the application comes to a cluster or set more
	Leave  Kind = "leave"  // the application leaves one
	// These are of clusters: see [Many].
	Lost    Kind = "lost"    // what a lost one could read is made anew
	Suspend Kind = "suspend" // it opens nothing any more
	Enrol   Kind = "enrol"   // machines that enrolled get their files
)

// Seals reports whether a browser has to seal something.
func (k Kind) Seals() bool { return slices.Contains([]Kind{New, Change, Rotate, Add, Single, Lost}, k) }

// Choice is what a person chose. All of it is public.
type Choice struct {
	Kind Kind
	// Placement is the application.
	Placement string
	// File of the stub that is there; "" for a new one.
	File string
	// Name and Shape of a new secret.
	Name  string
	Shape Shape
	// Keys whose values are given, sorted.
	Keys []string
	// Recipes of those that the browser makes. A key of a change without one is given, and
	// was generated before at most.
	Recipes values.Recipes
	// Targets that were chosen; none for those of the application. Join and Leave have one.
	Targets []sealing.Target
	Deliver []api.DeliverAs
	// Stored keeps the ciphertext of a stub in the key service's store, and a reference in Git.
	Stored bool
	// Begun is the address at which all of it was chosen; "" where one choice was all.
	Begun string
	// Many is what a draft of several files is of; nil for others.
	Many *Many
}

// Shape is what kind of secret a new one is.
type Shape string

// The shapes.
const (
	Password Shape = "password"
	Generate Shape = "generate"
	Env      Shape = "env"
	TLS      Shape = "tls"
	Registry Shape = "registry"
	SSH      Shape = "ssh"
	Basic    Shape = "basic"
	File     Shape = "file"
)

// Shapes are all of them, in the order in which they are offered.
var Shapes = []Shape{Password, Generate, Env, TLS, Registry, SSH, Basic, File}

// Type is the type of the Secret.
func (s Shape) Type() corev1.SecretType {
	switch s {
	case TLS:
		return corev1.SecretTypeTLS
	case Registry:
		return corev1.SecretTypeDockerConfigJson
	case SSH:
		return corev1.SecretTypeSSHAuth
	case Basic:
		return corev1.SecretTypeBasicAuth
	}
	return corev1.SecretTypeOpaque
}

// Fixed are the keys that the readers of a shape ask for; none where a person names them.
func (s Shape) Fixed() []string {
	switch s {
	case TLS:
		return []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey}
	case Registry:
		return []string{corev1.DockerConfigJsonKey}
	case SSH:
		return []string{corev1.SSHAuthPrivateKey}
	case Basic:
		return []string{corev1.BasicAuthPasswordKey, corev1.BasicAuthUsernameKey}
	}
	return nil
}

// mostKeys bounds a draft: a .env file of more is split.
const mostKeys = 200

// Check refuses what Kubernetes would, each with the field that it is about.
func (c Choice) Check() error {
	if c.Kind == New {
		if problems := validation.IsDNS1123Subdomain(c.Name); len(problems) > 0 {
			return &FieldError{"name", fault.NewUsage(
				"up to 253 lower-case letters, digits, '-' and '.', a letter or digit first and last",
				"%.60q is no name of a secret", c.Name)}
		}
		if slices.Contains(konfig.RecognizedKustomizationFileNames(), c.Name+".yaml") {
			return &FieldError{"name", fault.NewUsage("choose another name: a file of this one lists what an application builds",
				"%s.yaml is no file of a secret", c.Name)}
		}
		if !slices.Contains(Shapes, c.Shape) {
			return &FieldError{"shape", fault.NewUsage("choose one of those shown", "nothing says what kind of secret it is")}
		}
	}
	if len(c.Keys) > mostKeys {
		return &FieldError{"keys", fault.NewUsage("split it into several secrets", "%d values are more than %d", len(c.Keys),
			mostKeys)}
	}
	for i, key := range c.Keys {
		if err := values.CheckKey(key); err != nil {
			return &FieldError{"keys", err}
		}
		if slices.Contains(c.Keys[:i], key) {
			return &FieldError{"keys", fault.NewUsage("give each name once", "the name %q stands twice", key)}
		}
	}
	return c.checkDeliver()
}

// FieldError is about one field of a page.
type FieldError struct {
	Field string
	error
}

func (e *FieldError) Unwrap() error { return e.error }

// What a page says of choices that are none.
var (
	ErrNoKey    = fault.New("choose at least one", "nothing says which value changes")
	ErrNoTarget = fault.New("choose a set or a cluster", "nothing says for which clusters")
)

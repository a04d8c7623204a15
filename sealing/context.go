package sealing

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// contextFormat is the first element of every context.
const contextFormat = "bulla.dev/context/v1"

// Context is what a block is bound to: where the built object stands and
// which of its fields are sealed. The scope is only ever taken from here.
type Context struct {
	// Fleet is the fleet's id.
	Fleet string
	Scope api.Scope
	// Group is empty for the core group.
	Group, Kind string
	// Namespace is empty for scope Fleet.
	Namespace string
	// Name is empty for the scopes Fleet and Namespace.
	Name string
	// Fields are RFC 6901 pointers, sorted and unique.
	Fields []string
}

// ContextOf returns the context of one block of a stub. Namespace and name are
// those of the built object, after kustomize, not the stub's: a payload that a
// base carries into another namespace does not open there.
func ContextOf(fleet string, stub *api.SealedManifest, block int, namespace, name string) (Context, error) {
	if block < 0 || block >= len(stub.Spec.Blocks) {
		return Context{}, fmt.Errorf("find block %d: the stub has %d", block, len(stub.Spec.Blocks))
	}
	var object struct{ APIVersion, Kind string }
	if err := json.Unmarshal(stub.Spec.Template, &object); err != nil {
		return Context{}, errors.New("read template: not JSON")
	}
	group, _, grouped := strings.Cut(object.APIVersion, "/")
	if !grouped {
		group = ""
	}
	c := Context{
		Fleet: fleet, Scope: stub.Spec.Scope.OrDefault(), Group: group, Kind: object.Kind,
		Fields: slices.Clone(stub.Spec.Blocks[block].Fields),
	}
	c.Namespace, c.Name = c.Scope.Binds(namespace, name)
	return c, c.check()
}

// Bytes is the canonical encoding: each element as a 32-bit big-endian length
// and its bytes; for the fields their number first. Two different contexts
// never have the same bytes.
//
//	format ‖ fleet ‖ scope ‖ group ‖ kind ‖ namespace ‖ name ‖ count(fields) ‖ field…
func (c Context) Bytes() []byte {
	b := appendElement(nil, contextFormat)
	for _, element := range []string{c.Fleet, string(c.Scope), c.Group, c.Kind, c.Namespace, c.Name} {
		b = appendElement(b, element)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.Fields)))
	for _, field := range c.Fields {
		b = appendElement(b, field)
	}
	return b
}

// Digest is SHA-256 of [Context.Bytes], the argument of the payload's lock stanza.
func (c Context) Digest() [32]byte { return sha256.Sum256(c.Bytes()) }

// check refuses a context that says more or less than its scope does: it would
// have a second spelling.
func (c Context) check() error {
	switch {
	case c.Fleet == "":
		return refuse(ClassParse, "context has no fleet id")
	case c.Kind == "":
		return refuse(ClassParse, "context has no kind")
	case len(c.Fields) == 0:
		return refuse(ClassParse, "context has no fields")
	case !sortedUnique(c.Fields):
		return refuse(ClassParse, "context has fields that are not sorted and unique")
	}
	var namespace, name bool
	switch c.Scope {
	case api.ScopeStrict:
		namespace, name = true, true
	case api.ScopeNamespace:
		namespace = true
	case api.ScopeFleet:
	default:
		return refuse(ClassParse, "context has the unknown scope %q", c.Scope)
	}
	if (c.Namespace != "") != namespace || (c.Name != "") != name {
		return refuse(ClassParse, "context has namespace %q and name %q, which do not fit scope %s", c.Namespace, c.Name,
			c.Scope)
	}
	return nil
}

func sortedUnique(items []string) bool {
	for i := 1; i < len(items); i++ {
		if items[i-1] >= items[i] {
			return false
		}
	}
	return true
}

// appendElement appends a length-prefixed element.
func appendElement[T string | []byte](b []byte, element T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(element)))
	return append(b, element...)
}

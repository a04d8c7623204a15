package hsm

import "github.com/bulla-dev/bulla/sealing/hsm/internal/wire"

// Roles of the signing keys, the last part of their labels.
const (
	RoleRoot = wire.RoleRoot // signs fleet.yaml
	RoleCA   = wire.RoleCA   // signs cluster certificates
	RoleLog  = wire.RoleLog  // signs audit checkpoints
)

// Roles lists the signing keys that a ceremony makes.
func Roles() []string { return wire.Roles() }

// IsRole reports whether a signing key may have this role: one of [Roles], or one
// that succeeds it, such as "ca-2". There is one spelling of each.
func IsRole(role string) bool { return wire.IsRole(role) }

// NextRole is the role after role: "ca-2" after "ca", "ca-3" after "ca-2".
func NextRole(role string) string { return wire.NextRole(role) }

// SignerLabel is the label of a signing key: bulla/<fleet>/<role>.
func SignerLabel(fleet, role string) string { return wire.SignerLabel(fleet, role) }

// SealingLabel is the label of a sealing key: bulla/<fleet>/seal/<keyID>.
func SealingLabel(fleet, keyID string) string { return wire.SealingLabel(fleet, keyID) }

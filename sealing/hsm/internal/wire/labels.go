package wire

import (
	"regexp"
	"slices"
	"strconv"
)

// Roles of the signing keys, the last part of their labels.
const (
	RoleRoot = "root" // signs fleet.yaml
	RoleCA   = "ca"   // signs cluster certificates
	RoleLog  = "log"  // signs audit checkpoints
)

// Roles lists the signing keys that a ceremony makes.
func Roles() []string { return []string{RoleRoot, RoleCA, RoleLog} }

// ServiceRoles are those that the key service uses: the root key is none of them,
// and is made apart, where the service has no login.
var ServiceRoles = []string{RoleCA, RoleLog}

var successor = regexp.MustCompile(`^([a-z]+)-([2-9]|[1-9][0-9])$`)

// IsRole reports whether a signing key may have this role: one of [Roles], or one
// that succeeds it, such as "ca-2". There is one spelling of each.
func IsRole(role string) bool {
	if m := successor.FindStringSubmatch(role); m != nil {
		role = m[1]
	}
	return slices.Contains(Roles(), role)
}

// NextRole is the role after role: "ca-2" after "ca", "ca-3" after "ca-2".
func NextRole(role string) string {
	if m := successor.FindStringSubmatch(role); m != nil {
		n, _ := strconv.Atoi(m[2]) // digits, by the expression
		return m[1] + "-" + strconv.Itoa(n+1)
	}
	return role + "-2"
}

// SignerLabel is the label of a signing key: bulla/<fleet>/<role>.
func SignerLabel(fleet, role string) string { return "bulla/" + fleet + "/" + role }

// SealingLabel is the label of a sealing key: bulla/<fleet>/seal/<keyID>.
func SealingLabel(fleet, keyID string) string { return "bulla/" + fleet + "/seal/" + keyID }

// RootLabel is the label of a root key of any fleet, succeeded ones too.
var RootLabel = regexp.MustCompile(`^bulla/[^/]+/` + RoleRoot + `(-[0-9]+)?$`)

package config

import (
	"fmt"
	"slices"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// Role is what a person may do. Roles do not include one another; who needs two
// has two.
type Role string

const (
	// RoleOperator runs the service: rewraps locks, accepts a rewritten history,
	// and reads everything.
	RoleOperator Role = "operator"
	// RoleAuditor reads everything and changes nothing.
	RoleAuditor Role = "auditor"
	// RoleDeveloper reads what became of secrets, not who asked for them.
	RoleDeveloper Role = "developer"
)

// roles are all there are.
var roles = []Role{RoleOperator, RoleAuditor, RoleDeveloper}

// Person is somebody who may use the service. The certificate proves the key,
// the configuration says whose key it is and what it may do: a certificate alone
// grants nothing, and outlives no entry.
type Person struct {
	// Name stands in the certificate and in the audit log.
	Name string `yaml:"name"`
	// Identity is "sha256:" and the hash of the person's public key, as `bulla
	// login` prints it.
	Identity string `yaml:"identity"`
	Roles    []Role `yaml:"roles"`
}

// maxPeople bounds the list, and with it what is kept for each.
const maxPeople = 1000

// checkPeople finds the entries that cannot be served with. A key that stands for
// two people would make the audit log say the wrong name.
func checkPeople(m *mistakes, people []Person) {
	if len(people) > maxPeople {
		m.when(true, "people", fmt.Sprintf("has more than %d entries", maxPeople), "")
		return
	}
	names, keys := map[string]bool{}, map[string]bool{}
	for n, p := range people {
		at := fmt.Sprintf("people[%d].", n)
		m.when(!protocol.IsPersonName(p.Name), at+"name", fmt.Sprintf("%q is not a name", p.Name), "lower-case letters, digits, '.', '_' and '-', at most 63")
		m.when(names[p.Name], at+"name", fmt.Sprintf("%q stands twice", p.Name), "a person has one entry and one key")
		m.when(!hexid.IsDigest(p.Identity), at+"identity", "is not sha256: and 64 hexadecimal digits", "`bulla login` prints it")
		m.when(keys[p.Identity], at+"identity", "is another person's too", "the audit log could not tell them apart")
		problem, hint := rolesProblem(p.Roles)
		m.when(problem != "", at+"roles", problem, hint)
		names[p.Name], keys[p.Identity] = true, true
	}
}

func rolesProblem(given []Role) (problem, hint string) {
	hint = "roles are operator, auditor and developer"
	if len(given) == 0 {
		return "is missing", hint
	}
	for n, role := range given {
		if !slices.Contains(roles, role) {
			return fmt.Sprintf("%q is not a role", string(role)), hint
		}
		if slices.Contains(given[:n], role) {
			return fmt.Sprintf("%q stands twice", string(role)), hint
		}
	}
	return "", ""
}

// CheckPeople says what is wrong with the first entry that cannot be served with.
func CheckPeople(people []Person) error {
	var m mistakes
	if checkPeople(&m, people); len(m.list) > 0 {
		return fmt.Errorf("%s %s", m.list[0].Field, m.list[0].Problem)
	}
	return nil
}

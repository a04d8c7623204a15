package haul

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Orphan is the command, after a colon, that takes out what makes a Secret and keeps the
// Secret. It is "" for names that no API server takes: it is pasted into a shell, and an
// owner's name is whatever somebody wrote into a Secret. resource is "" if none is known.
func Orphan(namespace, resource, name string) string {
	if resource == "" || len(validation.IsDNS1123Subdomain(name)) > 0 ||
		len(validation.IsDNS1123Label(namespace)) > 0 {
		return ""
	}
	return fmt.Sprintf(": kubectl -n %s delete %s %s --cascade=orphan", namespace, resource, name)
}

package mask

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// rules are what a cause may say of a field.
var rules = map[metav1.CauseType]string{
	metav1.CauseTypeFieldValueRequired:     "is required",
	metav1.CauseTypeFieldValueInvalid:      "is invalid",
	metav1.CauseTypeFieldValueNotSupported: "has a value that is not supported",
	metav1.CauseTypeFieldValueDuplicate:    "stands twice",
	metav1.CauseTypeFieldValueNotFound:     "names something that does not exist",
	metav1.CauseTypeForbidden:              "may not be set or changed",
	metav1.CauseTypeTooLong:                "is too long",
	metav1.CauseTypeTooMany:                "has too many entries",
	metav1.CauseTypeTypeInvalid:            "has the wrong type",
	metav1.CauseTypeFieldManagerConflict:   "belongs to another field manager",
	corev1.NamespaceTerminatingCause:       "is being deleted",
}

// plainFields are the fields of a Secret that hold no value.
var plainFields = []string{
	"type", "immutable", "data", "stringData", "metadata", "metadata.name", "metadata.namespace", "metadata.labels",
	"metadata.annotations", "metadata.finalizers", "metadata.ownerReferences", "metadata.resourceVersion", "metadata.uid",
}

// typeKeys are the keys that Kubernetes' own types of Secret demand.
var typeKeys = []string{
	corev1.TLSCertKey, corev1.TLSPrivateKeyKey, corev1.DockerConfigKey, corev1.DockerConfigJsonKey,
	corev1.BasicAuthUsernameKey, corev1.BasicAuthPasswordKey, corev1.SSHAuthPrivateKey,
}

// details says of an answer what cannot be a value: rules that are Kubernetes' own
// about fields that a Secret has, and the name of whoever refused. A webhook
// writes causes too, and may write a value where a field or a rule belongs, so
// that nothing is taken but by comparison.
func details(id inventory.ID, status metav1.Status, keys []string) []string {
	var said []string
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			field, rule := publicField(cause.Field, keys), rules[cause.Type]
			if field == "" || rule == "" {
				continue
			}
			if text := field + " " + rule; !slices.Contains(said, text) {
				said = append(said, text)
			}
		}
	}
	if who := refuser(id, status.Message); who != "" {
		said = append(said, who)
	}
	return said
}

// publicField is a field's path if it is one of a Secret's, or one of its keys;
// "" for anything else.
func publicField(field string, keys []string) string {
	field = strings.TrimPrefix(field, ".")
	if slices.Contains(plainFields, field) {
		return field
	}
	for _, key := range slices.Concat(keys, typeKeys) {
		if field == "data["+key+"]" || field == "data."+key {
			return "data[" + key + "]"
		}
	}
	return ""
}

// deniers find who refused, in what the API server itself writes before the text
// of a webhook or a policy. Names are those of Kubernetes objects.
var deniers = []struct {
	is  *regexp.Regexp
	who string
}{
	{regexp.MustCompile(`^admission webhook "([a-z0-9.-]{1,253})" denied the request`), "admission webhook"},
	{regexp.MustCompile(`^Internal error occurred: failed calling webhook "([a-z0-9.-]{1,253})":`), "no answer of admission webhook"},
	{regexp.MustCompile(`^ValidatingAdmissionPolicy '([a-z0-9.-]{1,253})' (?:with binding '[a-z0-9.-]{1,253}' )?denied request`), "ValidatingAdmissionPolicy"},
}

func refuser(id inventory.ID, message string) string {
	message = strings.TrimPrefix(message, `secrets "`+id.Name+`" is forbidden: `)
	for _, denier := range deniers {
		if found := denier.is.FindStringSubmatch(message); found != nil {
			return denier.who + " " + found[1]
		}
	}
	return ""
}

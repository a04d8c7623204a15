package audit

import (
	"fmt"
	"strings"
)

// Built is one built object that a digest stands for.
type Built struct {
	Placement string
	// Object is namespace/name.
	Object string
}

// String is its form in [Entry.Also]: the placement, a space, the object. Neither
// may have a space.
func (b Built) String() string { return b.Placement + " " + b.Object }

// Built lists every object that the entry names, the first of them first.
func (e Entry) Built() []Built {
	if e.Object == "" {
		return nil
	}
	built := []Built{{e.Placement, e.Object}}
	for _, also := range e.Also {
		placement, object, _ := strings.Cut(also, " ")
		built = append(built, Built{placement, object})
	}
	return built
}

// Names says whether the entry is about an object, namespace/name.
func (e Entry) Names(object string) bool {
	for _, b := range e.Built() {
		if b.Object == object {
			return true
		}
	}
	return false
}

// ReportDetail is the detail of a Report that names objects: how many of them the cluster
// says are in a state.
func ReportDetail(n int, state string) string { return fmt.Sprintf("%d %s", n, state) }

// Reported is the state that a Report names its objects in, "" where it names none. It is
// the cluster's own word.
func (e Entry) Reported() string {
	number, state, ok := strings.Cut(e.Detail, " ")
	if e.Kind != Report || e.Outcome != Done || !ok || e.Object == "" || number != fmt.Sprint(len(e.Built())) {
		return ""
	}
	return state
}

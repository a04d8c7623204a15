package wizard

import "github.com/bulla-dev/bulla/console/draft"

// StepsOf are those that a draft goes through: a change of what is there has no wizard.
func StepsOf(k draft.Kind) []string {
	switch {
	case k == draft.New:
		return Steps
	case k.Seals():
		return []string{"Change", "Values", "Preview"}
	}
	return []string{"Change", "Preview"}
}

// SectionOf is where a person began a draft of a kind.
func SectionOf(k draft.Kind) string {
	switch k {
	case draft.New:
		return "new"
	case draft.Retire, draft.Join, draft.Leave:
		return "fleet"
	case draft.Lost, draft.Suspend:
		return "clusters"
	case draft.Enrol:
		return "enrolment"
	}
	return "secrets"
}

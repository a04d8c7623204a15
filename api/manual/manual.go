// Package manual is where people read on who have a program and no clone of its source:
// the pages of docs/, at the one address that charts and packages name too.
package manual

import "strings"

// At is where the pages are; the path of one in docs/ goes behind it.
const At = "https://github.com/bulla-dev/bulla/blob/main/docs/"

// Reasons has what to do about each reason of a condition, and each code of a refusal.
const Reasons = At + "reference/conditions.md"

// About is where what to do about a reason of a condition is said.
func About(reason string) string {
	return "what to do about " + reason + ": " + Reasons + "#" + strings.ToLower(reason)
}

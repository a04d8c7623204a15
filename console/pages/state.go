package pages

import (
	"fmt"
	"html/template"
	"strings"
)

// tone is how a state looks: a class, which has its colour, and a shape, which says the
// same to who does not see the colour. The word stands beside both.
type tone struct{ class, shape string }

// Shapes on a field of 16 by 16, in the colour of the word.
const (
	ring  = `<circle cx="8" cy="8" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5"/>`
	half  = ring + `<path d="M8 2.75a5.25 5.25 0 0 1 0 10.5z" fill="currentColor"/>`
	check = `<circle cx="8" cy="8" r="6" fill="currentColor"/><path d="m5 8.2 2.1 2.1L11.2 6" class="cut"/>`
	dash  = ring + `<path d="M5.4 8h5.2" stroke="currentColor" stroke-width="1.5"/>`
	dots  = `<circle cx="8" cy="8" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5" ` +
		`stroke-dasharray="2 2.1"/>`
	triangle = `<path d="M8 2 15 14H1z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/>` +
		`<path d="M8 6.4v3.4M8 11.7v.2" class="cut"/>`
	cross = `<path d="M5.2 1.8h5.6l3.4 3.4v5.6l-3.4 3.4H5.2l-3.4-3.4V5.2z" fill="currentColor"/>` +
		`<path d="m5.8 5.8 4.4 4.4m0-4.4-4.4 4.4" class="cut"/>`
	minus = `<circle cx="8" cy="8" r="6" fill="currentColor"/><path d="M5 8h6" class="cut"/>`
	plus  = ring + `<path d="M5.4 8h5.2M8 5.4v5.2" stroke="currentColor" stroke-width="1.5"/>`
	turn  = `<path d="M12.6 9.6A5 5 0 1 1 12 5" fill="none" stroke="currentColor" stroke-width="1.5"/>` +
		`<path d="M13.4 2.4v4h-4z" fill="currentColor"/>`
	pause = ring + `<path d="M6.6 5.8v4.4M9.4 5.8v4.4" stroke="currentColor" stroke-width="1.5"/>`
)

var tones = map[string]tone{
	"in use": {"ok", check}, "ready": {"ok", check}, "merged": {"ok", check}, "active": {"ok", check},
	"passed": {"ok", check}, "delivered": {"ok", check}, "done": {"ok", check}, "opened": {"ok", check},
	"enrolled": {"ok", check}, "allowed": {"ok", check},
	"provisioned": {"info", half}, "delivering": {"info", half}, "open": {"info", half}, "running": {"info", half},
	"configured": {"plain", ring}, "waiting": {"plain", ring}, "draft": {"plain", ring}, "pending": {"plain", ring},
	"deprovisioned": {"faint", dash}, "closed": {"faint", dash}, "retired": {"faint", dash}, "none": {"faint", dash},
	"held": {"warn", pause}, "suspended": {"warn", pause}, "paused": {"warn", pause},
	"late": {"warn", triangle}, "silent": {"warn", triangle}, "warning": {"warn", triangle},
	"promoted": {"ok", check}, "missing": {"bad", cross}, "leaving": {"faint", dash},
	"failed": {"bad", cross}, "refused": {"bad", cross}, "denied": {"bad", cross}, "revoked": {"bad", cross},
	"stalled": {"bad", cross}, "problem": {"bad", cross}, "unreachable": {"bad", cross},
	"not verified": {"bad", cross},
	"unknown":      {"faint", dots},
	// What a change does, of the plan's words.
	"gained": {"info", plus}, "added": {"info", plus}, "changed": {"info", half}, "moved": {"info", half},
	"lost": {"warn", minus}, "removed": {"faint", dash}, "restarted": {"warn", turn}, "waits": {"warn", pause},
}

// state is a state in words, with its shape and colour, and a capital as all have. One that the table does not have
// is shown as it is, with the shape of what is not known.
func state(word any) template.HTML {
	text := fmt.Sprint(word)
	if text != "" && text[0] >= 'a' && text[0] <= 'z' {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	t, ok := tones[strings.ToLower(text)]
	if !ok {
		t = tones["unknown"]
	}
	//nolint:gosec // the word is escaped, the rest is of ours
	return template.HTML(fmt.Sprintf(`<span class="state %s">%s%s</span>`, t.class, icon(t.shape),
		template.HTMLEscapeString(text)))
}

func icon(shape string) string {
	return `<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">` + shape + `</svg>`
}

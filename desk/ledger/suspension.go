package ledger

import "time"

// Text is " by NAME since TIME", as far as that is known.
func (s *Suspension) Text() string {
	var text string
	if s.By != "" {
		text = " by " + s.By
	}
	if s.Since != nil {
		text += " since " + s.Since.Format(time.RFC3339)
	}
	return text
}

package render

import (
	"encoding/json"
	"io"

	"github.com/bulla-dev/bulla/plan"
)

// JSON writes a plan for programs. Its form is that of plan.schema.json.
func JSON(w io.Writer, p *plan.Plan) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(p) // <, > and & escaped: it may end up in a page
}

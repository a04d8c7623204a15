package check

import "github.com/bulla-dev/bulla/cmd/bulla/internal/written"

// columns gives every finding with a line or a field the place where that is written: the
// field's own or its nearest parent's line, and the column of the field on that line, else
// where the line begins to say something.
func columns(read func(file string) ([]byte, error), findings []Finding) {
	files := map[string]*written.Text{}
	for i := range findings {
		one := &findings[i]
		if one.Line == 0 && one.Field == "" || one.Column > 0 {
			continue
		}
		w := files[one.File]
		if w == nil {
			data, _ := read(one.File) // of what cannot be read the line is all there is
			w = written.Of(data)
			files[one.File] = w
		}
		if one.Line == 0 {
			one.Line = w.Line(one.Field)
		}
		if one.Line > 0 {
			one.Column = w.Column(one.Line, one.Field)
		}
	}
}

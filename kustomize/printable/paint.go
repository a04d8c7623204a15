package printable

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Colour is how a terminal shows a text, as a number of SGR (ECMA-48).
type Colour string

// The colours, of every terminal's own palette.
const (
	Plain  Colour = ""
	Bold   Colour = "1"
	Red    Colour = "31"
	Green  Colour = "32"
	Yellow Colour = "33"
)

// Paint writes a text in a colour. The text is made safe as every other is: the colour
// alone passes a [Writer], which cannot tell its escapes from a stranger's.
func Paint(w io.Writer, c Colour, text string) {
	escaped, ok := w.(*writer)
	if !ok || c == Plain {
		_, _ = io.WriteString(w, Text(text)) // as printing is everywhere
		return
	}
	escaped.mu.Lock()
	defer escaped.mu.Unlock()
	_, _ = io.WriteString(escaped.to, "\x1b["+string(c)+"m"+strings.TrimSuffix(Text(text), "\n")+"\x1b[0m")
}

// Screen says whether a [Writer] leads to a terminal, and how wide that is, in columns.
func Screen(w io.Writer) (width int, ok bool) {
	escaped, is := w.(*writer)
	if !is {
		return 0, false
	}
	file, is := escaped.to.(*os.File)
	if !is || !term.IsTerminal(int(file.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(file.Fd()))
	return width, err == nil
}

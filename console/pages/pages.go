// Package pages has what people see: templates, which escape by where a text stands, the
// style and the scripts. All of it is embedded; nothing comes from anywhere else.
package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
)

//go:embed templates
var templates embed.FS

//go:embed static
var static embed.FS

// Page is what a template is given.
type Page struct {
	// Template is the file, Title and Section what the frame around it says.
	Template, Title, Section string
	// Status of HTTP; 0 is 200.
	Status int
	// Person is who is signed in.
	Person string
	// Part leaves out the frame: what htmx asks for.
	Part bool
	// CSRF is what each form has in its hidden field csrf, and each request of a script
	// that changes something in the header X-CSRF-Token.
	CSRF string
	Body any
}

// Set is all templates, parsed.
type Set struct{ by map[string]*template.Template }

// Parse reads the templates that are built in.
func Parse() (*Set, error) {
	files, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return nil, err
	}
	set := &Set{map[string]*template.Template{}}
	for _, file := range files {
		name := path.Base(file)
		if name == "frame.html" || name == "pieces.html" {
			continue
		}
		t, err := template.New("frame.html").Funcs(functions).ParseFS(templates,
			"templates/frame.html", "templates/pieces.html", file)
		if err != nil {
			return nil, fmt.Errorf("parse a page: %w", err)
		}
		set.by[name] = t
	}
	return set, nil
}

// functions are what templates may call.
var functions = template.FuncMap{}

// Write renders a page whole before the first byte is sent: half a page would look true.
func (s *Set) Write(w http.ResponseWriter, p Page) error {
	t, ok := s.by[p.Template]
	if !ok {
		return fmt.Errorf("there is no page %q", p.Template)
	}
	name := "frame.html"
	if p.Part {
		name = "content"
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, name, p); err != nil {
		return fmt.Errorf("write the page %s: %w", p.Template, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	_, err := out.WriteTo(w)
	return err
}

// Static serves the style and the scripts.
func Static() http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return http.FileServerFS(files)
}

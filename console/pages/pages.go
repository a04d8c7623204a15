// Package pages has what people see: templates, which escape by where a text stands, the
// style and the scripts. All of it is embedded; nothing comes from anywhere else.
//
// A page is a file in templates with {{define "content"}}: an h1, then sections. What it
// loads besides the frame's stands in {{define "head"}}. pieces.html has what pages are made
// of, each with its use; functions.go what they may call. A page has no style and no script
// of its own in it: the policy refuses both.
//
// Pages work without a script. With one, elements with hx- attributes fetch a part of a page
// (htmx 4); static/bulla.js says what htmx may do under Trusted Types. Answers to htmx have
// "content" alone, without {{define "head"}}, and may have no script in them.
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

// Page is what a template is given.
type Page struct {
	// Template is the file, Title and Section what the frame around it says.
	Template, Title, Section string
	// Status of HTTP; 0 is 200.
	Status int
	// Person is who is signed in.
	Person string
	// Frame is what stands around every page.
	Frame Frame
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
func Parse() (*Set, error) { return parse(templates) }

func parse(from fs.FS) (*Set, error) {
	files, err := fs.Glob(from, "templates/*.html")
	if err != nil {
		return nil, err
	}
	set := &Set{map[string]*template.Template{}}
	for _, file := range files {
		name := path.Base(file)
		if name == "frame.html" || name == "pieces.html" {
			continue
		}
		t, err := template.New("frame.html").Funcs(functions).ParseFS(from,
			"templates/frame.html", "templates/pieces.html", file)
		if err != nil {
			return nil, fmt.Errorf("parse a page: %w", err)
		}
		set.by[name] = t
	}
	return set, nil
}

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
	// One address gives the page and its part: a cache must not give one for the other.
	w.Header().Add("Vary", "HX-Request")
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	_, err := out.WriteTo(w)
	return err
}

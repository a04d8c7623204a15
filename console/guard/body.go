package guard

import (
	"crypto/subtle"
	"errors"
	"mime"
	"net/http"
)

// What a form shows that it is of one of the console's own pages.
const (
	// Field has it in a form, Header in a request that a script makes.
	Field  = "csrf"
	Header = "X-CSRF-Token"
)

// MaxBody bounds a request, in bytes: a stub is at most half of that, in base64 and
// escaped as forms do.
const MaxBody = 2 << 20

// checkBody reads forms, and refuses what did not come from a form of this session.
func checkBody(w http.ResponseWriter, r *http.Request, s *Session) error {
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	if r.Method != http.MethodPost {
		if r.ContentLength != 0 {
			return refuse(http.StatusBadRequest, "open the page anew", "this request has a body, and should have none")
		}
		return nil
	}
	if err := readForm(r); err != nil {
		return err
	}
	if s == nil {
		return nil // a door; it has nothing that could be forged in somebody's name
	}
	given := r.Header.Get(Header)
	if given == "" {
		given = r.PostForm.Get(Field)
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(s.csrf)) != 1 {
		return refuse(http.StatusForbidden, "load the page anew, and send the form from there",
			"this form is not of a page that you opened here")
	}
	return nil
}

// readForm reads the kinds that the console's own pages send. text/plain is left out: it
// is what other sites' forms can send.
func readForm(r *http.Request) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		err = r.ParseForm()
	case "multipart/form-data":
		err = r.ParseMultipartForm(MaxBody) //nolint:gosec // bounded before; all of it, so that nothing goes to a disk
	case "application/json":
		return nil // a handler reads it, within the bound
	default:
		return refuse(http.StatusUnsupportedMediaType, "send the form of a page",
			"the console does not take this kind of data")
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return refuse(http.StatusRequestEntityTooLarge,
			"seal what is so large into several secrets, or keep it elsewhere",
			"this is larger than the console takes, %d MiB", MaxBody>>20)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "load the page anew, and send the form from there", "the form cannot be read")
	}
	return nil
}

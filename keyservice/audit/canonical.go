package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bulla-dev/bulla/api/canonical"
)

// MaxEntry bounds one entry in bytes. The largest there is names a target and a
// key for each of a stub's 256 blocks.
const MaxEntry = 64 << 10

// maxDetail is where Marshal cuts Detail, in bytes: free text must not be what
// makes an entry too large to read back.
const maxDetail = 1024

// replacement stands for bytes that are no UTF-8.
const replacement = "\uFFFD"

// ErrEntry means that bytes are not an entry, or not one in canonical form.
var ErrEntry = errors.New("not an entry of the audit log")

// timeForm is RFC 3339 in UTC with exactly six digits after the second.
const timeForm = "2006-01-02T15:04:05.000000Z"

// Marshal gives the entry's one form: JSON as RFC 8785 (JCS) writes it, without
// a newline at the end. Members stand in alphabetical order, there is no space
// between them, and strings escape nothing but quotes, backslashes and control
// characters. Bytes that are no UTF-8 become U+FFFD; a Detail that is too long
// is cut. Two programs that agree on the fields agree on the leaf's hash.
func (e Entry) Marshal() []byte {
	b := make(builder, 0, 512)
	b = append(b, '{')
	b.list("also", e.Also)
	b.text("certificate", e.Certificate)
	b.text("cluster", e.Cluster)
	b.number("count", e.Count)
	b.text("detail", cut(strings.ToValidUTF8(e.Detail, replacement)))
	b.text("digest", e.Digest)
	b.must("fleet", e.Fleet)
	b.text("head", e.Head)
	b.text("identity", e.Identity)
	b.list("keys", e.Keys)
	b.must("kind", string(e.Kind))
	b.text("object", e.Object)
	b.number("operations", e.Operations)
	b.must("outcome", e.Outcome)
	b.text("person", e.Person)
	b.text("placement", e.Placement)
	b.text("recipient", e.Recipient)
	b.text("ref", e.Ref)
	b.text("request", e.Request)
	b.text("revision", e.Revision)
	b.list("targets", e.Targets)
	b.must("time", e.Time.UTC().Format(timeForm))
	return append(b, '}')
}

// ParseEntry reads what Marshal wrote and nothing else: an unknown member, a
// member twice, another order, a space or an escape that need not be is
// [ErrEntry]. So an entry has one hash, and no two readers read it differently.
func ParseEntry(data []byte) (Entry, error) {
	if len(data) > MaxEntry {
		return Entry{}, fmt.Errorf("%w: %d bytes, at most %d", ErrEntry, len(data), MaxEntry)
	}
	var read struct {
		Entry
		Time string `json:"time"` // in place of Entry's, which takes many forms
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Entry{}, fmt.Errorf("%w: data after its end", ErrEntry)
	}
	e := read.Entry
	at, err := time.Parse(timeForm, read.Time)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: time %.40q", ErrEntry, read.Time)
	}
	e.Time = at
	if !isCanonical(e, data) {
		return Entry{}, fmt.Errorf("%w: it is not in canonical form", ErrEntry)
	}
	return e, nil
}

func isCanonical(e Entry, data []byte) bool { return bytes.Equal(e.Marshal(), data) }

// cut shortens text to maxDetail bytes at the end of a character.
func cut(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	n := maxDetail
	for n > maxDetail-utf8.UTFMax && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// builder writes the members of one JSON object.
type builder []byte

// text writes a member unless it is empty.
func (b *builder) text(name, value string) {
	if value != "" {
		b.must(name, value)
	}
}

func (b *builder) must(name, value string) {
	b.name(name)
	*b = canonical.AppendString(*b, value)
}

func (b *builder) number(name string, value int) {
	if value != 0 {
		b.name(name)
		*b = strconv.AppendInt(*b, int64(value), 10)
	}
}

func (b *builder) list(name string, values []string) {
	if len(values) == 0 {
		return
	}
	b.name(name)
	*b = append(*b, '[')
	for i, value := range values {
		if i > 0 {
			*b = append(*b, ',')
		}
		*b = canonical.AppendString(*b, value)
	}
	*b = append(*b, ']')
}

func (b *builder) name(name string) {
	if (*b)[len(*b)-1] != '{' {
		*b = append(*b, ',')
	}
	*b = canonical.AppendString(*b, name)
	*b = append(*b, ':')
}

package stubs

import (
	"crypto/rand"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/built"
)

// place is where one value of a stub will stand in the built object.
type place struct {
	stub *built.Stub
	// pointer is the sealed field, as the stub's block names it.
	pointer string
}

// places holds the place of every sealed value of a build by a text that stands
// there while kustomize works. kustomize may rename an object, patch it, merge
// into it and take its annotations away, and it says nothing of what it did. So
// what it must not do is seen in what comes out: a text that is gone was removed
// or overwritten, one that stands elsewhere was copied.
//
// A text is random for each build, so that no file can write one beforehand, and
// made of Unicode's noncharacters alone, which no file has a use for: a piece of
// one, cut out by a delimiter of replacements, is known as such too. None of it
// is ever in a result: it is taken out, or the build is refused.
type places struct {
	nonce []byte
	texts map[string]place
}

func newPlaces() *places {
	return &places{nonce: []byte(rand.Text()), texts: map[string]place{}}
}

// firstNonCharacter begins the 32 code points that Unicode sets aside for use
// inside of programs; sixteen of them stand for the hexadecimal digits here.
const (
	firstNonCharacter = '\uFDD0'
	lastNonCharacter  = '\uFDEF'
)

func isPlaceRune(r rune) bool { return firstNonCharacter <= r && r <= lastNonCharacter }

// holdAll returns the texts for the places of a stub's sealed fields.
func (p *places) holdAll(stub *built.Stub) map[string]string {
	texts := map[string]string{}
	for _, pointer := range stub.Fields() {
		texts[pointer] = p.hold(stub, pointer)
	}
	return texts
}

func (p *places) hold(stub *built.Stub, pointer string) string {
	n := len(p.texts)
	var b strings.Builder
	for _, c := range append(slices.Clone(p.nonce[:12]), byte(n>>16), byte(n>>8), byte(n)) {
		b.WriteRune(firstNonCharacter + rune(c>>4))
		b.WriteRune(firstNonCharacter + rune(c&15))
	}
	p.texts[b.String()] = place{stub, pointer}
	return b.String()
}

// trace is one place that was found in a built object: where it is, and whose
// it is if the text is whole.
type trace struct {
	path  []string
	whole bool
	place
}

// pointer of where it was found.
func (t trace) at() string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, name := range t.path {
		b.WriteString("/" + escape.Replace(name))
	}
	return b.String()
}

// home reports whether the place is where the stub has it.
func (t trace) home() bool { return t.whole && t.at() == t.pointer }

// find returns every place in a built object, in a fixed order.
func (p *places) find(object map[string]any) []trace {
	if len(p.texts) == 0 {
		return nil
	}
	return p.in(object, nil, nil)
}

func (p *places) in(value any, path []string, found []trace) []trace {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if strings.ContainsFunc(key, isPlaceRune) {
				found = append(found, trace{path: append(slices.Clone(path), "(a key)")})
				continue
			}
			found = p.in(value[key], append(path, key), found)
		}
	case []any:
		for _, item := range value {
			found = p.in(item, append(path, "-"), found)
		}
	case string:
		if strings.ContainsFunc(value, isPlaceRune) {
			known, ok := p.texts[value]
			found = append(found, trace{slices.Clone(path), ok, p.within(value, known, ok)})
		}
	}
	return found
}

// within finds whose place a text holds in part: for the error alone.
func (p *places) within(value string, known place, ok bool) place {
	if ok {
		return known
	}
	for _, text := range slices.Sorted(maps.Keys(p.texts)) {
		if strings.Contains(value, text) {
			return p.texts[text]
		}
	}
	return place{}
}

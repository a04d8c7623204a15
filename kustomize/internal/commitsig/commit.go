package commitsig

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/bulla-dev/bulla/api/hexid"
)

// The grammar of a commit object, gitformat-signature(5) and git's commit.c:
//
//	commit  = tree *parent author committer *header [LF message]
//	tree    = "tree" SP 40HEXDIG LF
//	parent  = "parent" SP 40HEXDIG LF
//	header  = name SP text LF *(SP text LF)
//
// A signature stands in the header gpgsig and is made over the object without
// that header.

// Commit is a commit object as it was hashed.
type Commit struct {
	// Tree and Parents are object hashes, 40 lower-case hexadecimal digits.
	Tree    string
	Parents []string

	raw []byte
	// committer is the text of that header.
	committer string
	author    string
	// others are the headers after committer.
	others []header
}

// header is one header with the lines that continue it.
type header struct {
	name string
	// valued is false for a line that is a word alone.
	valued bool
	// lines of the value, without the space that marks a continuation.
	lines []string
	// start and end are its bytes in the object, the last line feed included.
	start, end int
}

// Parse reads what names a commit's tree and parents, strictly: one tree line
// first, then parents, one author, one committer. Two tree lines are how two
// programs came to read two trees from one signed commit (CVE-2026-45022).
// The commit keeps raw.
func Parse(raw []byte) (*Commit, error) {
	p := &parser{raw: raw, end: len(raw)}
	if i := bytes.Index(raw, []byte("\n\n")); i >= 0 {
		p.end = i + 1
	}
	c := &Commit{raw: raw}
	var err error
	if c.Tree, err = p.object("tree"); err != nil {
		return nil, err
	}
	for p.at("parent ") {
		parent, err := p.object("parent")
		if err != nil {
			return nil, err
		}
		c.Parents = append(c.Parents, parent)
	}
	if c.author, err = p.person("author"); err != nil {
		return nil, err
	}
	if c.committer, err = p.person("committer"); err != nil {
		return nil, err
	}
	for !p.done() {
		if err := c.read(p); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// read takes one more header, or a line that continues the last one.
func (c *Commit) read(p *parser) error {
	start := p.pos
	line := p.line()
	if rest, ok := strings.CutPrefix(line, " "); ok && len(c.others) > 0 {
		last := &c.others[len(c.others)-1]
		last.lines, last.end = append(last.lines, rest), p.pos
		return nil
	}
	name, value, valued := strings.Cut(line, " ")
	switch name {
	case "tree", "parent", "author", "committer":
		return fmt.Errorf("commit has a second %s line", name)
	}
	c.others = append(c.others, header{name: name, valued: valued, lines: []string{value}, start: start, end: p.pos})
	return nil
}

// parser walks the header, line by line.
type parser struct {
	raw      []byte
	pos, end int
}

func (p *parser) done() bool { return p.pos >= p.end }

func (p *parser) at(prefix string) bool {
	return bytes.HasPrefix(p.raw[p.pos:p.end], []byte(prefix))
}

func (p *parser) line() string {
	line, _, found := bytes.Cut(p.raw[p.pos:p.end], []byte("\n"))
	p.pos += len(line)
	if found {
		p.pos++
	}
	return string(line)
}

func (p *parser) object(name string) (string, error) {
	if p.done() {
		return "", errors.New("commit header is cut short")
	}
	value, ok := strings.CutPrefix(p.line(), name+" ")
	if !ok || !hexid.IsSHA1Commit(value) {
		return "", fmt.Errorf("commit has no valid %s line", name)
	}
	return value, nil
}

func (p *parser) person(name string) (string, error) {
	value, ok := strings.CutPrefix(p.line(), name+" ")
	if !ok {
		return "", errors.New("commit header is out of order")
	}
	return value, nil
}

package git

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/Masterminds/semver/v3"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// Tags say which commit of a branch is followed: the one that a tag names, in the place
// of the newest. The zero value is the newest. A tag of a commit that was never the
// branch's own, by its first parents, counts for nothing: who may only make tags decides
// when, and the branch decides what.
type Tags struct {
	// Tag is the name of one tag, which may move forward.
	Tag string
	// SemVer is a range of versions, as Flux has it: the highest whose commit is not
	// before the one that is followed. A leading "v" of a tag is passed over.
	SemVer string
}

func (t Tags) any() bool { return t.Tag != "" || t.SemVer != "" }

// Check says why tags cannot be followed.
func (t Tags) Check() error {
	switch {
	case t.Tag != "" && t.SemVer != "":
		return errors.New("has both a tag and a range of versions; choose one")
	case t.Tag != "" && plumbing.NewTagReferenceName(t.Tag).Validate() != nil, strings.HasPrefix(t.Tag, "refs/"):
		return fmt.Errorf("%q is no name of a tag", t.Tag)
	case t.SemVer != "":
		if _, err := semver.NewConstraint(t.SemVer); err != nil {
			return fmt.Errorf("%q is no range of versions, such as 1.x or >=1.2.0 <2.0.0", t.SemVer)
		}
	}
	return nil
}

// picker finds the commit that tags name.
type picker struct {
	Tags
	versions *semver.Constraints

	mu sync.Mutex
	// tip is the branch's own commit that was fetched last, so that it is not fetched
	// anew when the branch moves on.
	tip string
	// asked and found are the last question and its answer: an idle look walks nothing.
	asked, found string
}

func newPicker(t Tags) (*picker, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	p := &picker{Tags: t}
	if t.SemVer != "" {
		p.versions, _ = semver.NewConstraint(t.SemVer)
	}
	return p, nil
}

// named is what the remote says of tags: the commits that may be followed, best first.
func (p *picker) named(adv *packp.AdvRefs) ([]string, error) {
	if p.Tag != "" {
		ref := plumbing.NewTagReferenceName(p.Tag).String()
		if hash, ok := commitOf(adv, ref); ok {
			return []string{hash}, nil
		}
		return nil, fmt.Errorf("tag %s: %w", p.Tag, source.ErrTagGone)
	}
	type version struct {
		of         *semver.Version
		name, hash string
	}
	var all []version
	for ref := range adv.References {
		name, ok := strings.CutPrefix(ref, "refs/tags/")
		if !ok {
			continue
		}
		// Strictly: the tag of a date, 20261129, is no version above all others.
		if v, err := semver.StrictNewVersion(strings.TrimPrefix(name, "v")); err == nil && p.versions.Check(v) {
			hash, _ := commitOf(adv, ref)
			all = append(all, version{v, name, hash})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("range %s: %w", p.SemVer, source.ErrTagGone)
	}
	// Two spellings of one version must not be two heads for two programs.
	slices.SortFunc(all, func(a, b version) int {
		if order := b.of.Compare(a.of); order != 0 {
			return order
		}
		return strings.Compare(b.name, a.name)
	})
	var hashes []string
	for _, v := range all {
		hashes = append(hashes, v.hash)
	}
	return hashes, nil
}

// commitOf is the commit of a tag, whether it has an object of its own or not.
func commitOf(adv *packp.AdvRefs, ref string) (string, bool) {
	if peeled, ok := adv.Peeled[ref]; ok {
		return peeled.String(), true
	}
	hash, ok := adv.References[ref]
	return hash.String(), ok
}

// pick gives the best of the named commits that is among the first parents of tip, and
// not before base; [source.ErrHistoryRewritten] when there is none.
func (p *picker) pick(objects *objects, tip, base string, named []string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := strings.Join(append([]string{tip, base}, named...), " ")
	if p.asked == asked {
		return p.found, nil
	}
	best, rank := len(named), map[string]int{} // a remote may have a hundred thousand tags
	for i, hash := range named {
		if _, better := rank[hash]; !better {
			rank[hash] = i
		}
	}
	for at, walked := tip, 0; at != "" && best > 0; walked++ {
		if walked == objects.limits.History {
			return "", fmt.Errorf("%w: the tags are not among the %d commits next to %s: %w", source.ErrHistoryRewritten,
				walked, tip, tree.ErrTooLarge)
		}
		if i, ok := rank[at]; ok {
			best = min(best, i)
		}
		if at == base {
			break
		}
		c, err := objects.commit(at)
		if err != nil {
			return "", err
		}
		if at = ""; len(c.parents) > 0 {
			at = c.parents[0].String()
		}
	}
	if best == len(named) {
		return "", fmt.Errorf("%w: no tag that is followed is on the branch at the accepted head or after it",
			source.ErrHistoryRewritten)
	}
	p.asked, p.found, p.tip = asked, named[best], tip
	return p.found, nil
}

// have is what need not be sent again.
func (p *picker) have() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tip
}

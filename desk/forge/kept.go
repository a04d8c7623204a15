package forge

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"io"
	"net/http"
	"strings"
	"sync"
)

const (
	// keptMost is what all answers take that are kept, keptEach one of them, in bytes: a page of
	// a hundred pull requests has two millions. Headers count: a forge sends what it likes.
	keptMost = 48 << 20
	keptEach = 4 << 20
	// keptBeside is what one takes beside its body and header.
	keptBeside = 2 << 10
	// mostTag is far beyond an entity tag.
	mostTag = 512
)

// Kept are answers of forges with the tags that came with them (RFC 9110, 8.8.3). What is
// asked for again is asked for with its tag, and where the forge says that nothing changed,
// the answer is the one of before: it counts less, or not at all, of what an account may ask,
// and is always as new as a whole one. What a forge says of how long an answer is good is left
// aside: who pressed a button wants to see what came of it.
//
// What one account was told is never another's: an answer belongs to its address and to the
// credentials that it was asked for with. The zero value is ready; it is safe for concurrent
// use.
type Kept struct {
	mu    sync.Mutex
	of    map[[sha256.Size]byte]*list.Element
	order list.List // what was used last is first
	bytes int
}

type keptAnswer struct {
	by     [sha256.Size]byte
	tag    string
	header http.Header
	body   []byte
}

// size is what it takes, in bytes.
func (a *keptAnswer) size() int {
	size := len(a.body) + keptBeside
	for name, values := range a.header {
		size += len(name)
		for _, value := range values {
			size += len(value)
		}
	}
	return size
}

// Over asks through another; nil is the system's.
func (k *Kept) Over(to http.RoundTripper) http.RoundTripper {
	if to == nil {
		to = http.DefaultTransport
	}
	return &conditional{k, to}
}

type conditional struct {
	kept *Kept
	to   http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (c *conditional) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet || r.Header.Get("If-None-Match") != "" || r.Header.Get("Range") != "" {
		return c.to.RoundTrip(r)
	}
	by := account(r)
	was := c.kept.get(by)
	if was != nil {
		r = r.Clone(r.Context())
		r.Header.Set("If-None-Match", was.tag)
	}
	answer, err := c.to.RoundTrip(r)
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode == http.StatusNotModified && was != nil:
		_ = answer.Body.Close()
		return was.again(answer), nil
	case answer.StatusCode == http.StatusOK:
		return c.kept.keep(by, answer)
	}
	c.kept.drop(by)
	return answer, nil
}

// account is what an answer belongs to: all that is asked with, but the tag itself.
func account(r *http.Request) (by [sha256.Size]byte) {
	h := sha256.New()
	h.Write([]byte(r.URL.String()))
	for _, name := range []string{"Authorization", "Private-Token", "Job-Token", "Cookie", "Accept"} {
		h.Write([]byte("\x00" + name + "\x00" + strings.Join(r.Header.Values(name), "\x00")))
	}
	h.Sum(by[:0])
	return by
}

// again is the answer of before, with what the forge says of now: how often it may be asked.
func (a *keptAnswer) again(now *http.Response) *http.Response {
	header := a.header.Clone()
	for name, values := range now.Header {
		if name != "Content-Length" {
			header[name] = values
		}
	}
	now.StatusCode, now.Status, now.Header = http.StatusOK, "200 OK", header
	now.Body, now.ContentLength = io.NopCloser(bytes.NewReader(a.body)), int64(len(a.body))
	return now
}

func (k *Kept) get(by [sha256.Size]byte) *keptAnswer {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.of[by]
	if !ok {
		return nil
	}
	k.order.MoveToFront(at)
	return at.Value.(*keptAnswer)
}

// keep keeps an answer that has a tag, and is not too long. What was not used for longest goes.
func (k *Kept) keep(by [sha256.Size]byte, answer *http.Response) (*http.Response, error) {
	k.drop(by)
	tag := answer.Header.Get("ETag")
	if tag == "" || len(tag) > mostTag || strings.Contains(answer.Header.Get("Cache-Control"), "no-store") {
		return answer, nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, keptEach+1))
	rest := answer.Body
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), rest}
	if err != nil {
		_ = rest.Close()
		return nil, err
	}
	one := &keptAnswer{by, tag, answer.Header.Clone(), body}
	if one.size() > keptEach+keptBeside {
		return answer, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[[sha256.Size]byte]*list.Element{}
	}
	if at, ok := k.of[by]; ok { // somebody else asked the same meanwhile
		k.remove(at)
	}
	k.of[by] = k.order.PushFront(one)
	k.bytes += one.size()
	for k.bytes > keptMost {
		k.remove(k.order.Back())
	}
	return answer, nil
}

func (k *Kept) drop(by [sha256.Size]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at, ok := k.of[by]; ok {
		k.remove(at)
	}
}

func (k *Kept) remove(at *list.Element) {
	one := k.order.Remove(at).(*keptAnswer)
	delete(k.of, one.by)
	k.bytes -= one.size()
}

package pages

import (
	"errors"
	"fmt"
	"html/template"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// functions are what templates may call.
var functions = template.FuncMap{
	"ago":         func(t time.Time) template.HTML { return ago(t, time.Now()) },
	"asset":       asset,
	"count":       count,
	"dict":        dict,
	"fingerprint": fingerprint,
	"first":       first,
	"folded":      folded,
	"after":       after,
	"list":        func(items ...any) []any { return items },
	"number":      number[int],
	"number64":    number[int64],
	"progress":    progress,
	"short":       short,
	"state":       state,
	"value":       func(field string) string { return strings.TrimPrefix(field, "/data/") },
}

// first are at most n items of a list, after what comes behind them: a page shows the former,
// and folds the latter.
func first(n int, list any) any {
	v := reflect.ValueOf(list)
	return v.Slice(0, min(n, v.Len())).Interface()
}

func after(n int, list any) any {
	v := reflect.ValueOf(list)
	return v.Slice(min(n, v.Len()), v.Len()).Interface()
}

// ago says how long ago a time was, or how soon it will be, with the time itself on hover
// and for machines. The zero time is "never".
func ago(t, now time.Time) template.HTML {
	if t.IsZero() {
		return "never"
	}
	t = t.UTC()
	//nolint:gosec // of digits and words of ours alone
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, t.Format(time.RFC3339),
		t.Format("2006-01-02 15:04:05 UTC"), distance(now.Sub(t))))
}

var units = []struct {
	length time.Duration
	name   string
}{
	{365 * 24 * time.Hour, "year"}, {30 * 24 * time.Hour, "month"}, {24 * time.Hour, "day"}, {time.Hour, "hour"},
	{time.Minute, "minute"}, {time.Second, "second"},
}

func distance(d time.Duration) string {
	form := "%s ago"
	if d < 0 {
		form, d = "in %s", -d
	}
	if d < 5*time.Second {
		return "just now"
	}
	for _, unit := range units {
		if d >= unit.length {
			return fmt.Sprintf(form, count(int(d/unit.length), unit.name))
		}
	}
	return "just now"
}

// count is a number with its noun, "3,000 clusters". many is the plural where it is not
// the noun with an s.
func count(n int, noun string, many ...string) string {
	switch {
	case n == 1:
	case len(many) > 0:
		noun = many[0]
	default:
		noun += "s"
	}
	return number(n) + " " + noun
}

// number has a comma before every third digit.
func number[T int | int64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// short is a commit or a digest cut to what tells it apart, whole on hover.
func short(hash string) template.HTML {
	algorithm, rest, found := strings.Cut(hash, ":")
	if !found {
		algorithm, rest = "", hash
	}
	if len(rest) > 8 {
		rest = rest[:8]
	}
	if algorithm != "" {
		rest = algorithm + ":" + rest
	}
	//nolint:gosec // both are escaped
	return template.HTML(fmt.Sprintf(`<code class="hash" title="%s">%s</code>`,
		template.HTMLEscapeString(hash), template.HTMLEscapeString(rest)))
}

// hashes are words that nobody reads to their end: digests, keys, fingerprints.
var hashes = regexp.MustCompile(`[0-9A-Za-z+/=_.:-]{32,}`)

// folded is a text with its hashes cut to what tells them apart. The whole is there for who
// points at one, or comes to it by the keyboard, for what is copied, read aloud and printed.
func folded(text string) template.HTML {
	var out strings.Builder
	at := 0
	for _, found := range hashes.FindAllStringIndex(text, -1) {
		hash := text[found[0]:found[1]]
		if digits(hash) < 4 { // a path, or a long word
			continue
		}
		head := 12
		if algorithm, _, is := strings.Cut(hash, ":"); is && len(algorithm) < 16 {
			head = len(algorithm) + 1 + 8
		}
		out.WriteString(template.HTMLEscapeString(text[at:found[0]]))
		fmt.Fprintf(&out, `<code class="folded" tabindex="0">%s<span>%s</span></code>`,
			template.HTMLEscapeString(hash[:head]), template.HTMLEscapeString(hash[head:]))
		at = found[1]
	}
	out.WriteString(template.HTMLEscapeString(text[at:]))
	return template.HTML(out.String()) //nolint:gosec // all that is not ours is escaped
}

func digits(text string) (n int) {
	for _, r := range text {
		if r >= '0' && r <= '9' {
			n++
		}
	}
	return n
}

// fingerprint is one in groups of four, which people can compare by eye and aloud.
func fingerprint(text string) []string {
	_, rest, found := strings.Cut(text, ":")
	if !found {
		rest = text
	}
	var groups []string
	for ; len(rest) > 4; rest = rest[4:] {
		groups = append(groups, rest[:4])
	}
	return append(groups, rest)
}

// dict gives a piece its fields by name: {{template "bar" dict "Done" 3 "All" 40}}.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: a name without a value")
	}
	all := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		all[name] = pairs[i+1]
	}
	return all, nil
}

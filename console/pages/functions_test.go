package pages

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestTimesAreToldFromNow(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	for back, want := range map[time.Duration]string{
		0: "just now", 4 * time.Second: "just now", 59 * time.Second: "59 seconds ago", time.Minute: "1 minute ago",
		119 * time.Minute: "1 hour ago", 49 * time.Hour: "2 days ago", -3 * time.Hour: "in 3 hours",
		45 * 24 * time.Hour: "1 month ago", 800 * 24 * time.Hour: "2 years ago",
	} {
		if got := distance(back); got != want {
			t.Errorf("%s: %q, want %q", back, got, want)
		}
	}
	want := `<time datetime="2026-11-30T10:30:00Z" title="2026-11-30 10:30:00 UTC">30 minutes ago</time>`
	if got := string(ago(now.Add(-30*time.Minute), now)); got != want {
		t.Errorf("%s", got)
	}
	if got := ago(time.Time{}, now); got != "never" {
		t.Errorf("the zero time: %s", got)
	}
}

func TestNumbersAndNouns(t *testing.T) {
	for got, want := range map[string]string{
		count(1, "cluster"): "1 cluster", count(3000, "cluster"): "3,000 clusters", count(0, "key"): "0 keys",
		count(2, "entry", "entries"): "2 entries", number(-1234567): "-1,234,567", number(-123): "-123", number(999): "999",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWhatIsCutIsWholeOnHover(t *testing.T) {
	for hash, want := range map[string]string{
		"0123456789abcdef":        `<code class="hash" title="0123456789abcdef">01234567</code>`,
		"sha256:0123456789abcdef": `<code class="hash" title="sha256:0123456789abcdef">sha256:01234567</code>`,
		`"><script>`:              `<code class="hash" title="&#34;&gt;&lt;script&gt;">&#34;&gt;&lt;scrip</code>`,
	} {
		if got := string(short(hash)); got != want {
			t.Errorf("%s: %s", hash, got)
		}
	}
	if got := strings.Join(fingerprint("sha256:0123456789"), " "); got != "0123 4567 89" {
		t.Errorf("groups: %s", got)
	}
}

// TestAStateIsAWordAndAShape: colour alone tells nobody who does not see it.
func TestAStateIsAWordAndAShape(t *testing.T) {
	shapes := map[string]string{}
	for word, tone := range tones {
		html := string(state(word))
		if !strings.Contains(html, ">"+strings.ToUpper(word[:1])+word[1:]+"</span>") || !strings.Contains(html, "<svg") {
			t.Errorf("%s: %s", word, html)
		}
		if was, ok := shapes[tone.shape]; ok && was != tone.class {
			t.Errorf("%s: its shape stands for %s and for %s", word, was, tone.class)
		}
		shapes[tone.shape] = tone.class
	}
	if html := string(state("<b>odd</b>")); strings.Contains(html, "<b>") || !strings.Contains(html, "faint") {
		t.Errorf("an unknown state: %s", html)
	}
}

func TestAChartSaysWhatItShows(t *testing.T) {
	c := Chart{Title: "Unseals per day", Noun: "unseal", Bars: []Bar{{"Monday", 1000}, {"Tuesday", 1}, {"Wednesday", 0}}}
	if got := c.Summary(); got != "Unseals per day: 1,001 unseals in all, the most in Monday, 1,000" {
		t.Errorf("%s", got)
	}
	bars := c.Drawn()
	if bars[0].Height != chartHeight || bars[1].Height != 2 || bars[2].Height != 0 || bars[1].Text != "Tuesday: 1 unseal" {
		t.Errorf("%+v", bars)
	}
	if none := (Chart{Title: "Unseals"}); !none.Empty() || none.Summary() != "Unseals: none" {
		t.Errorf("an empty chart: %s", none.Summary())
	}
	for want, got := range map[int]int{
		0: progress(0, 0), 99: progress(2999, 3000), 100: progress(3, 3), 50: progress(1, 2),
	} {
		if got != want {
			t.Errorf("progress %d, want %d", got, want)
		}
	}
}

// TestAHashIsFoldedAndWhole: what is copied, read aloud and printed has all of it, and markup in
// an entry stays text.
func TestAHashIsFoldedAndWhole(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a1b2c3d", 8)
	key := "acme.example/log+1a2b3c4d+AbCdEfGh0123456789AbCdEfGh0123456789"
	for text, folds := range map[string]int{
		"root key " + key: 1, "stub " + digest + "; again since 2026-11-30T10:00:00Z": 1, digest + " " + digest: 2,
		"may use the service as developer": 0, "apps/payments/overlays/production/database.yaml": 0,
		"<b>" + strings.Repeat("1a", 40) + "</b> & \"x\"": 1, "": 0,
	} {
		out := string(folded(text))
		if got := strings.Count(out, `tabindex="0"`); got != folds {
			t.Errorf("%q folds %d hashes, want %d: %s", text, got, folds, out)
		}
		bare := regexp.MustCompile(`</?(code|span)[^>]*>`).ReplaceAllString(out, "")
		if strings.Contains(bare, "<") || html.UnescapeString(bare) != text {
			t.Errorf("%q is shown as %s", text, out)
		}
	}
	if out := string(folded(digest)); !strings.Contains(out, `>sha256:0a1b2c3d<span>`) {
		t.Error(out)
	}
}

package pages

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	sealer "github.com/bulla-dev/bulla/console/sealer/static"
	"github.com/bulla-dev/bulla/fixtures/axe"
	"github.com/bulla-dev/bulla/fixtures/browser"
)

// shown serves one page, of the templates that are built in and of others, as it is.
func shown(t *testing.T, p Page, more fstest.MapFS) string {
	t.Helper()
	files := fstest.MapFS{}
	for name, file := range more {
		files[name] = file
	}
	for _, name := range []string{"templates/frame.html", "templates/pieces.html", "templates/error.html"} {
		text, err := templates.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: bytes.Clone(text)}
	}
	set, err := parse(files)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.StripPrefix("/static/", Static()))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", sealer.PagePolicy)
		if err := set.Write(w, p); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/"
}

func exampleFrame() Frame {
	return Frame{
		Navigation: []Link{{"fleet", "/", "Fleet"}, {"new", "/new", "New secret"}, {"requests", "/requests", "Requests"},
			{"clusters", "/clusters", "Clusters"}, {"enrolment", "/enrolment", "Enrolment"},
			{"who", "/who", "Who could read"}, {"audit", "/audit", "Audit log"}, {"keys", "/keys", "Keys"}},
		Fleet: "acme", FleetID: "6f1c0a52b9d84e37a1c5d2e8f0947b36",
		Commit: "3f2a9c41d7e8b05566aa3f2a9c41d7e8b05566aa", Committed: time.Now().Add(-4 * time.Minute),
		RootKey: "sha256:9c41d7e8b05566aa3f2a9c41d7e8b05566aa3f2a9c41d7e8b05566aa3f2a9c41",
	}
}

// TestPiecesCanBeUsedByEverybody: each piece, in light and dark, on screens of 360 to 2,560
// pixels, by keyboard and by axe.
func TestPiecesCanBeUsedByEverybody(t *testing.T) {
	bars := make([]Bar, 24)
	for i := range bars {
		bars[i] = Bar{time.Date(2026, 11, 30, i, 0, 0, 0, time.UTC).Format("15:04"), (i * 37) % 23 * i}
	}
	all, err := os.ReadFile("testdata/pieces.html")
	if err != nil {
		t.Fatal(err)
	}
	url := shown(t, Page{Template: "pieces-all.html", Title: "Pieces", Section: "keys", Person: "Ada Example",
		Frame: exampleFrame(), Body: map[string]any{
			"Chart": Chart{Title: "Unseals per hour", Noun: "unseal", Bars: bars}, "None": Chart{Title: "Denials per hour"},
			"States": []string{"Configured", "Provisioned", "In use", "Deprovisioned", "Held", "Failed", "Silent", "?"},
			"Steps":  []string{"Application", "Values", "Delivery", "Clusters", "Review"},
			"When":   time.Now().Add(-3 * time.Hour),
		}}, fstest.MapFS{"templates/pieces-all.html": {Data: all}})
	axe.Check(t, browser.ForTest(t), "pieces", url)
}

// TestAnErrorCanBeReadByEverybody, also without a frame's facts, and however long its words.
func TestAnErrorCanBeReadByEverybody(t *testing.T) {
	for name, p := range map[string]Page{
		"error": {Frame: exampleFrame(), Person: "Ada Example", Body: map[string]string{
			"Problem": "read fleet: the clone in /home/ada/" + string(bytes.Repeat([]byte("fleet"), 30)) + " is gone",
			"Hint":    "clone it again, then start `bulla ui` there"}},
		"error-bare": {Body: map[string]string{"Problem": "<script>alert(1)</script>", "Hint": ""}},
	} {
		p.Template, p.Title, p.Status = "error.html", "That did not work", http.StatusInternalServerError
		axe.Check(t, browser.ForTest(t), name, shown(t, p, nil))
	}
}

// TestTheSectionThatIsShownIsInSight: on a telephone the row of them scrolls, and a page that
// shows none of them as its own is one that nobody knows their place in.
func TestTheSectionThatIsShownIsInSight(t *testing.T) {
	b := browser.ForTest(t)
	b.Look(t, browser.Look{Width: 360})
	for _, section := range exampleFrame().Navigation {
		b.Open(t, shown(t, Page{Template: "error.html", Title: "Here",
			Section: section.Section, Frame: exampleFrame(), Body: map[string]string{"Problem": "none", "Hint": ""}}, nil))
		var hidden float64
		b.Must(t, &hidden, `(() => {
			const r = document.querySelector("nav.main [aria-current]").getBoundingClientRect()
			return Math.max(0, -r.left, r.right - innerWidth)
		})()`)
		if hidden > 0 {
			t.Errorf("%s: %v pixels of it are out of sight", section.Label, hidden)
		}
	}
}

// TestAPagePrintsWithoutWhatIsPressed: dark ink on white, whole, whatever the screen shows.
func TestAPagePrintsWithoutWhatIsPressed(t *testing.T) {
	b, url := browser.ForTest(t), shown(t, Page{Template: "error.html", Title: "Printed", Frame: exampleFrame(),
		Body: map[string]string{"Problem": "a problem", "Hint": "what to do"}}, nil)
	b.Look(t, browser.Look{Width: 1280, Dark: true})
	b.Open(t, url)
	b.Media(t, "print", nil)
	var hidden, kept []string
	const styles = `.filter(q => (getComputedStyle(document.querySelector(q)).display === "none") === `
	b.Must(t, &hidden, `["nav.main", ".theme", ".skip"]`+styles+`false)`)
	b.Must(t, &kept, `["main", ".problem", "h1"]`+styles+`true)`)
	if len(hidden) > 0 || len(kept) > 0 {
		t.Errorf("printed too: %v; not printed: %v", hidden, kept)
	}
	var ink string
	b.Must(t, &ink, `getComputedStyle(document.body).color + " on " +
		getComputedStyle(document.documentElement).backgroundColor`)
	if !strings.HasSuffix(ink, " on rgb(255, 255, 255)") {
		t.Errorf("the paper is %s", ink)
	}
	var scheme string
	b.Must(t, &scheme, `getComputedStyle(document.documentElement).colorScheme`)
	if scheme != "light" {
		t.Errorf("it prints in %s", scheme)
	}
}

// TestForcedColoursShowWhatIsChosen: whoever has their own colours sees where they are, what
// can be pressed, and where a problem begins.
func TestForcedColoursShowWhatIsChosen(t *testing.T) {
	b, url := browser.ForTest(t), shown(t, Page{Template: "error.html", Title: "Forced", Section: "keys",
		Frame: exampleFrame(), Body: map[string]string{"Problem": "a problem", "Hint": "what to do"}}, nil)
	b.Open(t, url)
	look := `(() => { const of = q => getComputedStyle(document.querySelector(q));
		return [matchMedia("(forced-colors: active)").matches, of("nav.main a[aria-current]").outlineStyle,
			of(".problem").borderTopStyle, of("a.button").borderTopStyle].map(String) })()`
	var before, forced []string
	b.Must(t, &before, look)
	b.Media(t, "", map[string]string{"forced-colors": "active"})
	b.Must(t, &forced, look)
	if before[0] != "false" || before[1] == "solid" {
		t.Errorf("without them: %v", before)
	}
	for i, want := range []string{"true", "solid", "solid", "solid"} {
		if forced[i] != want {
			t.Errorf("with them: %v", forced)
			break
		}
	}
}

// TestAChosenThemeStays over pages, against the system's, and can be given back.
func TestAChosenThemeStays(t *testing.T) {
	b, url := browser.ForTest(t), shown(t, Page{Template: "error.html", Title: "Themed", Frame: exampleFrame(),
		Body: map[string]string{"Problem": "a problem", "Hint": "what to do"}}, nil)
	paper := func() (colour string) {
		t.Helper()
		b.Open(t, url)
		b.Must(t, &colour, `getComputedStyle(document.documentElement).backgroundColor`)
		return colour
	}
	choose := func(theme string) {
		t.Helper()
		b.Must(t, nil, `(() => { const s = document.getElementById("theme"); s.value = "`+theme+
			`"; s.dispatchEvent(new Event("change", { bubbles: true })) })()`)
	}
	b.Look(t, browser.Look{Width: 1280})
	light := paper()
	b.Look(t, browser.Look{Width: 1280, Dark: true})
	dark := paper()
	choose("light")
	if got := paper(); got != light || light == dark {
		t.Errorf("light was chosen on a dark system: %s, light is %s, dark %s", got, light, dark)
	}
	var shown string
	if b.Must(t, &shown, `document.getElementById("theme").value`); shown != "light" {
		t.Errorf("the page says that %q is chosen", shown)
	}
	choose("")
	if got := paper(); got != dark {
		t.Errorf("given back to the system: %s, want %s", got, dark)
	}
	b.Must(t, nil, `localStorage.setItem("bulla.theme", "<b>")`)
	if got := paper(); got != dark {
		t.Errorf("a theme that is none: %s", got)
	}
}

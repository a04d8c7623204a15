package pages

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
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

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/sealing"
)

// visitor is a browser at the console that bulla ui serves. It seals as the page's program
// does, by the same package.
type visitor struct {
	at     *url.URL
	client *http.Client
	csrf   string
}

var (
	csrfField   = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
	commitField = regexp.MustCompile(`name="commit" value="([0-9a-f]+)"`)
	problemText = regexp.MustCompile(`(?s)<p class="(?:what|do)">(.*?)</p>`)
	markup      = regexp.MustCompile(`<[^>]*>`)
)

// send asks, and prints what the page says is wrong. A refusal ends it.
func (v *visitor) send(method, path, kind string, body io.Reader) (text string, landed *url.URL) {
	request := must(http.NewRequest(method, must(v.at.Parse(path)).String(), body))
	if kind != "" {
		request.Header.Set("Content-Type", kind)
		request.Header.Set("X-CSRF-Token", v.csrf)
	}
	answer := must(v.client.Do(request))
	defer answer.Body.Close()
	text = string(must(io.ReadAll(answer.Body)))
	for _, found := range problemText.FindAllStringSubmatch(text, -1) {
		fmt.Println(strings.Join(strings.Fields(markup.ReplaceAllString(found[1], "")), " "))
	}
	if found := csrfField.FindStringSubmatch(text); found != nil {
		v.csrf = found[1]
	}
	if answer.StatusCode >= http.StatusBadRequest {
		if kind == "application/json" {
			fmt.Println(text)
		}
		fmt.Println(answer.StatusCode, answer.Request.URL.Path)
		os.Exit(1)
	}
	return text, answer.Request.URL
}

func (v *visitor) form(path string, fields url.Values) (string, *url.URL) {
	fields.Set("csrf", v.csrf)
	return v.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(fields.Encode()))
}

func (v *visitor) json(path string, in, out any) {
	text, _ := v.send(http.MethodPost, path, "application/json", bytes.NewReader(must(json.Marshal(in))))
	if err := json.Unmarshal([]byte(text), out); err != nil {
		panic(err)
	}
}

// change is a person who gives a value of a secret anew in the console, in a clone, and
// makes the request:
//
//	change SAID PAGE KEY FILE
//
// SAID is what bulla ui said, FILE has the value. It prints the branch.
func change() {
	link, _ := saidLink(os.Args[1])
	v := &visitor{at: must(url.Parse(link)), client: &http.Client{Jar: must(cookiejar.New(nil))}}
	v.send(http.MethodGet, link, "", nil)
	page, key := os.Args[2], os.Args[3]
	shown, _ := v.send(http.MethodGet, page+"/change", "", nil)
	if strings.Contains(shown, "disabled>Go to the values") {
		os.Exit(1)
	}
	_, at := v.form(page+"/draft", url.Values{"kind": {"change"}, "key": {key}})
	id := strings.TrimSuffix(at.Path, "/seal")
	var asking draft.Asking
	v.json(id+"/jobs", map[string]any{}, &asking)
	fleet := must(api.ParseFleet("fleet.yaml", must(os.ReadFile("fleet.yaml"))))
	given := testfleet.Parsed(must(json.Marshal(fleet)))
	browser := must(sealer.Open(given, os.Getenv("ROOTKEY"), sealing.Known{}, false))
	var blocks []api.Block
	for _, job := range asking.Jobs {
		sealed := must(browser.Seal(job, map[string][]byte{key: must(os.ReadFile(os.Args[4]))}))
		blocks = append(blocks, sealed.Blocks...)
	}
	var next struct{ To string }
	v.json(id+"/blocks", map[string]any{"blocks": blocks}, &next)
	shown, _ = v.send(http.MethodGet, next.To, "", nil)
	commit := commitField.FindStringSubmatch(shown)
	if commit == nil {
		panic("the page shows no commit: " + shown)
	}
	shown, _ = v.form(id+"/propose", url.Values{"commit": {commit[1]}})
	fmt.Println("branch", regexp.MustCompile(`bulla/[a-z0-9-]+`).FindString(shown))
}

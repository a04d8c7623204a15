package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/plan"
)

// mostResults is how many of them are written, with the one that says how many are not:
// GitHub shows no more of a file.
const mostResults = 5000

// SARIF writes what a reviewer should look at of a plan, as SARIF 2.1.0 (OASIS): what
// blocks, and what cannot be taken back, at the files through which it comes about. What
// comes and goes of objects is in the other forms.
func SARIF(w io.Writer, p *plan.Plan, version string) error {
	results := results(p)
	if all := len(results); all > mostResults {
		more := all - mostResults + 1
		results = append(results[:mostResults-1:mostResults-1], result("cut", "", 0,
			fmt.Sprintf("%s left out here; bulla plan -o json has all", count(more, "result"))))
	}
	driver := sarifDriver{Name: "bulla plan", Version: version, Rules: rules}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{{Tool: sarifTool{driver}, ColumnKind: "unicodeCodePoints", Results: results}},
	})
}

type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string      `json:"id"`
		ShortDescription     sarifText   `json:"shortDescription"`
		DefaultConfiguration sarifConfig `json:"defaultConfiguration"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPlace `json:"physicalLocation"`
	}
	sarifPlace struct {
		ArtifactLocation sarifFile    `json:"artifactLocation"`
		Region           *sarifRegion `json:"region,omitempty"`
	}
	sarifFile struct {
		URI       string `json:"uri"`
		URIBaseID string `json:"uriBaseId"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

// rules are the kinds of results, and how loud each is.
var rules = []sarifRule{
	rule("blocked", "error", "Something is wrong that was not before."),
	rule("gained", "warning", "Clusters gain a secret; what was opened once cannot be taken back."),
	rule("lost", "note", "Clusters lose a secret."),
	rule("changed", "note", "A secret has another value, or moved."),
	rule("shut", "warning", "A secret is placed where no lock opens it."),
	rule("returned", "warning", "A value returns that was replaced or taken out."),
	rule("fleet", "warning", "The fleet's own file changes."),
	rule("held", "warning", "A removal waits for consent."),
	rule("due", "note", "Stubs need a superseded sealing key."),
	rule("cut", "note", "Results are left out."),
}

func rule(id, level, text string) sarifRule {
	return sarifRule{id, sarifText{text}, sarifConfig{level}}
}

func results(p *plan.Plan) []sarifResult {
	all := []sarifResult{}
	for _, b := range p.Blockers {
		text := b.Problem
		if b.Placement != "" {
			text = "placement " + b.Placement + ": " + text
		}
		all = append(all, result("blocked", b.File, b.Line, text+"; hint: "+b.Hint))
	}
	for _, c := range p.Fleet {
		all = append(all, result("fleet", tree.FleetFile, 0, c.Field+": "+c.Change))
	}
	for _, g := range p.Grants {
		for _, c := range g.Changes {
			all = append(all, granted(g.On, c))
		}
	}
	for _, m := range p.MissingLocks {
		all = append(all, result("shut", m.Stub, 0, missingWords(m)+" on "+title(m.On)+"; hint: "+m.Hint))
	}
	for _, r := range p.Returns {
		all = append(all, result("returned", r.Stub, 0, returnWords(r)+"; hint: "+returnHint))
	}
	for _, d := range p.Deliveries {
		if d.Prune != nil && d.Prune.Held {
			all = append(all, result("held", "", 0, d.Placement+" on "+title(d.On)+": "+pruneWords(d)))
		}
	}
	for _, k := range p.KeysDue {
		all = append(all, result("due", tree.FleetFile, 0, dueWords(k)+"; hint: "+k.Hint))
	}
	return all
}

// granted stands at the file by which a grant comes about.
func granted(on plan.Clusters, c plan.Grant) sarifResult {
	id := map[plan.Change]string{plan.Gained: "gained", plan.Lost: "lost"}[c.Change]
	if id == "" {
		id = "changed"
	}
	at, causes := c.Stub, make([]string, 0, len(c.Because))
	for i, cause := range c.Because {
		if i == 0 && len(cause.Files) > 0 {
			at = cause.Files[0]
		}
		causes = append(causes, because(cause))
	}
	return result(id, at, 0, fmt.Sprintf("%s: %s %s %s of %s, by %s", title(on), grantWords(c), c.Object,
		strings.Join(c.Fields, " "), c.Placement, strings.Join(causes, "; ")))
}

func result(id, file string, line int, text string) sarifResult {
	r := sarifResult{RuleID: id, Message: sarifText{sarifMessage(text)}}
	for _, known := range rules {
		if known.ID == id {
			r.Level = known.DefaultConfiguration.Level
		}
	}
	// The same thing is found again after lines moved.
	sum := sha256.Sum256([]byte(id + "\x00" + file + "\x00" + text))
	r.PartialFingerprints = map[string]string{"bullaPlan/v1": hex.EncodeToString(sum[:])}
	if file == "" {
		file = tree.FleetFile // GitHub refuses all of a file that has a result without a place
	}
	// A file "javascript:…" is a path, and no scheme.
	uri := strings.ReplaceAll((&url.URL{Path: file}).EscapedPath(), ":", "%3A")
	place := sarifPlace{ArtifactLocation: sarifFile{uri, "%SRCROOT%"}}
	if line > 0 {
		place.Region = &sarifRegion{line}
	}
	r.Locations = []sarifLocation{{place}}
	return r
}

// sarifMessage is a stranger's text in a message. Plain messages have links, "[text](URL)",
// and places for arguments, "{0}" (SARIF 2.1.0, 3.11.5 and 3.11.6): it holds neither.
func sarifMessage(text string) string { return escapeSARIF.Replace(printable.Name(text)) }

var escapeSARIF = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "{", "{{", "}", "}}")

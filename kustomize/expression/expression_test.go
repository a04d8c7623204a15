package expression

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fleet"
)

func judge(t *testing.T, check fleet.HealthCheckExpr) *Judge {
	t.Helper()
	check.APIVersion, check.Kind = "example.com/v1", "Widget"
	set, err := Of(fleet.PlacementSpec{HealthCheckExprs: []fleet.HealthCheckExpr{check}})
	if err != nil {
		t.Fatal(err)
	}
	return set.Judge("example.com", "Widget")
}

func widget(status map[string]any) map[string]any {
	return map[string]any{"apiVersion": "example.com/v1", "kind": "Widget",
		"metadata": map[string]any{"name": "one", "generation": int64(2)}, "status": status}
}

// The order is that of Flux's RFC 0009.
func TestAnObjectIsJudgedInFluxsOrder(t *testing.T) {
	j := judge(t, fleet.HealthCheckExpr{
		InProgress: "status.phase == 'Working'",
		Failed:     "status.conditions.exists(c, c.type == 'Broken' && c.status == 'True')",
		Current:    "status.phase in ['Done', 'Working'] && int(status.ready) >= 1",
	})
	broken := []any{map[string]any{"type": "Broken", "status": "True"}}
	for name, one := range map[string]struct {
		status map[string]any
		want   Verdict
	}{
		"done":              {map[string]any{"phase": "Done", "ready": int64(1), "conditions": []any{}}, Current},
		"working":           {map[string]any{"phase": "Working", "ready": int64(1), "conditions": broken}, InProgress},
		"broken":            {map[string]any{"phase": "Done", "ready": int64(1), "conditions": broken}, Failed},
		"none of the three": {map[string]any{"phase": "?", "ready": int64(0), "conditions": []any{}}, InProgress},
		"an older generation": {map[string]any{"phase": "Done", "ready": int64(1), "conditions": []any{},
			"observedGeneration": int64(1)}, InProgress},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := j.Of(t.Context(), widget(one.status)); err != nil || got != one.want {
				t.Errorf("is %s, %v; want %s", got, err, one.want)
			}
		})
	}
	if got, err := j.Of(t.Context(), widget(nil)); err == nil || got != InProgress {
		t.Errorf("an object without a status is %s, %v; want in progress, and why", got, err)
	}
}

func TestADependencyIsReadyWhereItsExpressionHolds(t *testing.T) {
	set, err := Of(fleet.PlacementSpec{DependsOn: []fleet.PlacementReference{
		{Name: "base", ReadyExpr: "dep.status.lastAppliedRevision == self.spec.revision"}, {Name: "plain"}}})
	if err != nil {
		t.Fatal(err)
	}
	self := map[string]any{"spec": map[string]any{"revision": "main@sha1:2"}}
	for revision, want := range map[string]bool{"main@sha1:2": true, "main@sha1:1": false} {
		dep := map[string]any{"status": map[string]any{"lastAppliedRevision": revision}}
		if got, asked, err := set.Ready(t.Context(), "base", self, dep); got != want || !asked || err != nil {
			t.Errorf("at %s: %v, %v, %v; want %v", revision, got, asked, err, want)
		}
	}
	if _, asked, _ := set.Ready(t.Context(), "plain", self, self); asked {
		t.Error("a dependency without an expression was evaluated")
	}
}

func TestExpressionsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"status.":                              "is not CEL at column",
		"status.phase +":                       "is not CEL at column",
		"'text'":                               "not true or false",
		"secret.data.password == ''":           "undeclared reference to 'secret'",
		"status.phase.replace('a', 'b') == ''": "undeclared reference to 'replace'",
		"sets.contains(status.a, status.b)":    "undeclared reference",
		"base64.decode(status.a) == b''":       "undeclared reference",
	} {
		_, err := Of(fleet.PlacementSpec{HealthCheckExprs: []fleet.HealthCheckExpr{
			{APIVersion: "v1", Kind: "Pod", Current: text}}})
		var mistake *Mistake
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) ||
			mistake.Field != "spec.healthCheckExprs[0].current" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q gives %v, want %q in one line", text, err, want)
		}
	}
	_, err := Of(fleet.PlacementSpec{DependsOn: []fleet.PlacementReference{{Name: "base", ReadyExpr: "status"}}})
	if err == nil || !strings.HasPrefix(err.Error(), "spec.dependsOn[0].readyExpr: ") {
		t.Errorf("a readyExpr over nothing gives %v", err)
	}
}

// What a pusher writes takes bounded steps, memory and time. Each of these would take a
// machine; the test would not end.
func TestAnExpressionIsBounded(t *testing.T) {
	many := make([]any, 3000)
	for i := range many {
		many[i] = map[string]any{"name": strings.Repeat("x", 100)}
	}
	object := widget(map[string]any{"text": strings.Repeat("x", 1000), "many": many, "one": []any{"x"}})
	// Unbounded, what doubles takes some 64 MiB, and not the machine.
	for name, text := range map[string]string{
		"a text that doubles":   "[status.text]" + strings.Repeat(".map(x, x + x)", 16) + "[0] == ''",
		"bytes that double":     "[bytes(status.text)]" + strings.Repeat(".map(x, x + x)", 16) + "[0] == b''",
		"a list that doubles":   "[status.one]" + strings.Repeat(".map(x, x + x)", 21) + "[0].exists(y, y == '')",
		"loops inside of loops": "status.many.all(a, status.many.all(b, status.many.all(c, a == b || b == c || a != c)))",
		"a search in texts":     "status.many.all(a, status.many.all(b, status.text.contains('y') == false))",
		"patterns":              "status.many.all(a, status.many.all(b, status.text.matches('(x+x+)+y') == false))",
		"equality":              "status.many.all(a, status.many.all(b, status.many == status.many))",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := judge(t, fleet.HealthCheckExpr{Current: text}).Of(t.Context(), object); !errors.Is(err, ErrTooMuch) {
				t.Errorf("ended with %v, want %v", err, ErrTooMuch)
			}
		})
	}
	object["status"].(map[string]any)["many"] = many[:300]
	cheap := "status.many.all(m, m.name.startsWith('x') && m.name != '') && size(status.many.map(m, m.name)) == 300"
	if got, err := judge(t, fleet.HealthCheckExpr{Current: cheap}).Of(t.Context(), object); err != nil || got != Current {
		t.Errorf("an honest look at 300 elements is %s, %v", got, err)
	}
}

// Parsing refuses it too; whoever comes past that meets this.
func TestNobodyJudgesASecret(t *testing.T) {
	set, err := Of(fleet.PlacementSpec{HealthCheckExprs: []fleet.HealthCheckExpr{
		{APIVersion: "v1", Kind: "Secret", Current: "data.password.startsWith('a')"}}})
	if err != nil || set.Judge("", "Secret") != nil {
		t.Errorf("an expression looks at a Secret: %v", err)
	}
}

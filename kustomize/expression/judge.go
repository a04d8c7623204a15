package expression

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/bulla-dev/bulla/api/fleet"
)

// Verdict is what an object is, in the words of kstatus.
type Verdict string

// The verdicts.
const (
	Current    Verdict = "Current"
	InProgress Verdict = "InProgress"
	Failed     Verdict = "Failed"
)

// Judge says how objects of one kind are.
type Judge struct{ inProgress, failed, current *expression }

// newJudge compiles what Git says of a kind.
func newJudge(check fleet.HealthCheckExpr) (*Judge, string, error) {
	env, err := objectLanguage()
	if err != nil {
		return nil, "", err
	}
	judge := &Judge{}
	for _, part := range []struct {
		field, text string
		into        **expression
	}{
		{"inProgress", check.InProgress, &judge.inProgress},
		{"failed", check.Failed, &judge.failed},
		{"current", check.Current, &judge.current},
	} {
		if part.text == "" {
			continue
		}
		if *part.into, err = compile(env, part.text); err != nil {
			return nil, part.field, err
		}
	}
	return judge, "", nil
}

// Of judges an object as the API server has it, in the order that Flux has: a status of
// an older generation is in progress, then inProgress, failed and current count, and
// what none of them names is in progress.
func (j *Judge) Of(ctx context.Context, object map[string]any) (Verdict, error) {
	if stale(object) {
		return InProgress, nil
	}
	for _, part := range []struct {
		field   string
		of      *expression
		verdict Verdict
	}{{"inProgress", j.inProgress, InProgress}, {"failed", j.failed, Failed}, {"current", j.current, Current}} {
		if part.of == nil {
			continue
		}
		holds, err := part.of.holds(ctx, object)
		if err != nil {
			return InProgress, fmt.Errorf("the expression %s: %w", part.field, err)
		}
		if holds {
			return part.verdict, nil
		}
	}
	return InProgress, nil
}

// stale: the status is of another generation than the spec.
func stale(object map[string]any) bool {
	status, _ := object["status"].(map[string]any)
	metadata, _ := object["metadata"].(map[string]any)
	observed, known := status["observedGeneration"].(int64)
	generation, counted := metadata["generation"].(int64)
	return known && counted && observed != generation
}

// Mistake is an expression that cannot be used.
type Mistake struct {
	// Field is where it stands in the Placement.
	Field string
	Err   error
}

func (m *Mistake) Error() string { return m.Field + ": " + m.Err.Error() }

// Unwrap gives what is wrong with it.
func (m *Mistake) Unwrap() error { return m.Err }

// Set is every expression of one Placement.
type Set struct {
	judges map[[2]string]*Judge
	ready  map[string]*expression
}

// Of compiles the expressions of a Placement. The error is a [*Mistake].
func Of(spec fleet.PlacementSpec) (*Set, error) {
	set := &Set{judges: map[[2]string]*Judge{}, ready: map[string]*expression{}}
	for i, check := range spec.HealthCheckExprs {
		judge, field, err := newJudge(check)
		if err != nil {
			return nil, &Mistake{fmt.Sprintf("spec.healthCheckExprs[%d].%s", i, field), err}
		}
		set.judges[[2]string{groupOf(check.APIVersion), check.Kind}] = judge
	}
	for i, dependency := range spec.DependsOn {
		if dependency.ReadyExpr == "" {
			continue
		}
		env, err := readyLanguage()
		if err == nil {
			set.ready[dependency.Name], err = compile(env, dependency.ReadyExpr)
		}
		if err != nil {
			return nil, &Mistake{fmt.Sprintf("spec.dependsOn[%d].readyExpr", i), err}
		}
	}
	return set, nil
}

// Judge is who judges objects of a kind; nil for nobody.
func (s *Set) Judge(group, kind string) *Judge {
	if group == "" && kind == "Secret" {
		return nil // whatever parsed: whether it holds would tell of the value
	}
	return s.judges[[2]string{group, kind}]
}

// Ready evaluates readyExpr of a dependency over the two Deliveries, as the API server
// has them. asked is false when there is none.
func (s *Set) Ready(ctx context.Context, name string, self, dep map[string]any) (ready, asked bool, err error) {
	e := s.ready[name]
	if e == nil {
		return false, false, nil
	}
	ready, err = e.holds(ctx, map[string]any{"self": self, "dep": dep})
	return ready, true, err
}

// Same reports whether two Placements have the same expressions.
func Same(a, b fleet.PlacementSpec) bool {
	return reflect.DeepEqual(a.HealthCheckExprs, b.HealthCheckExprs) && reflect.DeepEqual(a.DependsOn, b.DependsOn)
}

func groupOf(apiVersion string) string {
	group, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		return ""
	}
	return group
}

// Package judging says how objects and dependencies are where Git says it of them in
// CEL: what a pass asks, and what the expressions of one pass may take together.
package judging

import (
	"context"
	"errors"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/meta"
	"k8s.io/apimachinery/pkg/runtime"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/kustomize/expression"
)

// maxJudging is what the expressions of one pass may take together: each is bounded,
// and a placement has many objects.
const maxJudging = 10 * time.Second

// Expressions are a Placement's, compiled once. The zero value is ready; it is not safe
// for concurrent use.
type Expressions struct {
	of  *api.Placement
	set *expression.Set
	err error
}

// Compiled gives the expressions of a Placement. One that cannot be used is an
// InvalidCELExpression.
func (e *Expressions) Compiled(placement *api.Placement) (*expression.Set, error) {
	if e.of == nil || !expression.Same(e.of.Spec, placement.Spec) {
		e.set, e.err = expression.Of(placement.Spec)
	}
	e.of = placement
	if e.err != nil {
		return nil, loop.Stalled(meta.InvalidCELExpressionReason,
			"%w; hint: mend the placement in Git, as bulla validate says", e.err)
	}
	return e.set, nil
}

// Judges say how objects are, where Git says it of their kind. They are for one pass.
type Judges struct {
	Set  *expression.Set
	Now  func() time.Time
	took time.Duration
}

// Of is who judges an object of the placement; nil for nobody. One that is built of a
// stub is never judged: whether an expression holds would tell of its values.
func (j *Judges) Of(o apply.Object) apply.Judge {
	if o.Sealed() {
		return nil
	}
	return j.Kind(o.ID)
}

// Kind is who judges objects of a kind; nil for nobody.
func (j *Judges) Kind(id apply.ID) apply.Judge {
	judge := j.Set.Judge(id.Group, id.Kind)
	if judge == nil {
		return nil
	}
	return func(ctx context.Context, object map[string]any) apply.Health {
		began := j.Now()
		verdict, err := judge.Of(ctx, object)
		if j.took += j.Now().Sub(began); err == nil && j.took > maxJudging {
			err = errors.New("the expressions of this placement take too long together")
		}
		if err != nil {
			return apply.Health{Status: status.InProgressStatus, Message: err.Error()}
		}
		return apply.Health{Status: status.Status(verdict), Message: "by healthCheckExprs"}
	}
}

// ReadyBy evaluates readyExpr of a dependency. asked is false when there is none.
func ReadyBy(ctx context.Context, set *expression.Set, name string, self, dep *v1alpha1.Delivery) (ready, asked bool,
	err error) {
	var of [2]map[string]any
	for i, d := range []*v1alpha1.Delivery{self, dep} {
		if of[i], err = runtime.DefaultUnstructuredConverter.ToUnstructured(d); err != nil {
			return false, false, err
		}
	}
	return set.Ready(ctx, name, of[0], of[1])
}

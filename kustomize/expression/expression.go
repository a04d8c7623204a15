package expression

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

const (
	// maxCost is what one evaluation may cost, as Kubernetes bounds its own
	// (k8s.io/apiserver/pkg/apis/cel.PerCallLimit). A step costs one, ten bytes of
	// text another.
	maxCost = 1_000_000
	// maxTime is what one evaluation may take: comparing large objects costs little
	// and takes long.
	maxTime = 2 * time.Second
	// interruptEvery is after how many rounds of a loop the time is looked at.
	interruptEvery = 100
)

// objectFields are the fields of an object that an expression may name.
var objectFields = []string{"apiVersion", "kind", "metadata", "spec", "status", "data", "type", "rules", "webhooks"}

var (
	objectLanguage = sync.OnceValues(func() (*cel.Env, error) { return language(objectFields...) })
	readyLanguage  = sync.OnceValues(func() (*cel.Env, error) { return language("self", "dep") })
)

// language is CEL as Flux has it, without its libraries for strings, sets and
// encodings. It is checked: an expression that is not checked has no cost.
func language(variables ...string) (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(),
	}
	for _, name := range variables {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	return cel.NewEnv(options...)
}

// expression is compiled.
type expression struct{ program cel.Program }

// compile reads an expression that gives true or false. The error names the place.
func compile(env *cel.Env, text string) (*expression, error) {
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		first := issues.Errors()[0]
		what, _, _ := strings.Cut(first.Message, " expecting ") // every word that could stand there
		return nil, fmt.Errorf("is not CEL at column %d: %s", first.Location.Column()+1, what)
	}
	if out := ast.OutputType(); !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("gives %s, not true or false", out)
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostTracking(costs{}), cel.CostLimit(maxCost),
		cel.InterruptCheckFrequency(interruptEvery))
	if err != nil {
		return nil, fmt.Errorf("is not CEL: %w", err)
	}
	return &expression{program}, nil
}

// ErrTooMuch is of an expression that takes more than it may.
var ErrTooMuch = errors.New("takes more steps, memory or time than an expression may")

// holds evaluates.
func (e *expression) holds(ctx context.Context, data map[string]any) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	value, details, err := e.program.ContextEval(ctx, data)
	if cost := details.ActualCost(); ctx.Err() != nil || cost != nil && *cost > maxCost {
		return false, ErrTooMuch
	}
	if err != nil {
		return false, err
	}
	truth, ok := value.(types.Bool)
	if !ok {
		return false, fmt.Errorf("gives %s, not true or false", value.Type().TypeName())
	}
	return bool(truth), nil
}

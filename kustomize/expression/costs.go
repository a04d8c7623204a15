package expression

import (
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// costs says what a call costs. CEL's own table goes by the types that the checker
// knows, and it knows nothing of an object's fields: there a text that doubles at each
// step would cost one.
type costs struct{}

// CallCost implements interpreter.ActualCostEstimator.
func (costs) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	cost := uint64(1)
	switch function {
	case overloads.Matches, overloads.Contains:
		cost += product(args)
	case operators.Add:
		// The last one alone is copied where lists are joined; texts are whole.
		cost += size(args[len(args)-1])
		if !isList(result) {
			cost += size(result)
		}
	case operators.In, operators.OldIn:
		cost += size(args[len(args)-1])
	case overloads.Size, operators.Index, operators.OptIndex, operators.OptSelect:
	default:
		for _, arg := range args {
			cost += size(arg)
		}
		cost += size(result)
	}
	return &cost
}

// product is of a text and what is looked for in it.
func product(args []ref.Val) uint64 {
	cost := uint64(1)
	for _, arg := range args {
		cost *= 1 + size(arg)
	}
	return cost
}

// size is the number of elements of a list or mapping, and a tenth of the bytes of a
// text; 0 for what has neither.
func size(value ref.Val) uint64 {
	sized, ok := value.(traits.Sizer)
	if !ok {
		return 0
	}
	count, ok := sized.Size().(types.Int)
	if !ok || count < 0 {
		return maxCost
	}
	switch value.(type) {
	case types.String, types.Bytes:
		return (uint64(count) + 9) / 10
	}
	return uint64(count)
}

func isList(value ref.Val) bool {
	_, ok := value.(traits.Lister)
	return ok
}

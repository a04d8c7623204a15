package metrics

import "github.com/prometheus/client_golang/prometheus"

// Opening counts what was decided, and what the token did.
type Opening struct {
	unseals    *prometheus.CounterVec
	operations *prometheus.CounterVec
}

func newOpening() Opening {
	return Opening{
		unseals: counters("unseals_total", "Decisions on stub digests, by outcome.", "result"),
		operations: counters("token_operations_total", "Unlock operations asked of the token, by result; lost are those, "+
			"counted by their own result too, of requests that could not be recorded and released nothing.", "result"),
	}
}

// Decided counts decisions on digests, by their outcome's name.
func (o *Opening) Decided(outcome string, digests int) {
	o.unseals.WithLabelValues(outcome).Add(float64(digests))
}

// Asked counts operations asked of the token, by what became of them.
func (o *Opening) Asked(result string, operations int) {
	o.operations.WithLabelValues(result).Add(float64(operations))
}

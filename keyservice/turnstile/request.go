package turnstile

import "context"

type quotaKey struct{}

// WithQuota says of a request which quota it was let in by.
func WithQuota(ctx context.Context, q *Quota) context.Context {
	return context.WithValue(ctx, quotaKey{}, q)
}

// QuotaOf is the quota that a request was let in by; nil for one that no route let in.
func QuotaOf(ctx context.Context) *Quota {
	q, _ := ctx.Value(quotaKey{}).(*Quota)
	return q
}

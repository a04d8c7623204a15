package authority

import (
	"context"
	"errors"
)

type (
	clusterKey struct{}
	personKey  struct{}
)

// WithCluster says of a request which cluster was proved to be behind it.
func WithCluster(ctx context.Context, c Cluster) context.Context {
	return context.WithValue(ctx, clusterKey{}, c)
}

// CallingCluster is the cluster behind a request; an error means that the route let it
// in without asking, and that nothing may be answered.
func CallingCluster(ctx context.Context) (Cluster, error) {
	c, ok := ctx.Value(clusterKey{}).(Cluster)
	if !ok {
		return Cluster{}, errors.New("read caller: the route did not authenticate it")
	}
	return c, nil
}

// WithPerson says of a request which person was proved to be behind it.
func WithPerson(ctx context.Context, p Person) context.Context {
	return context.WithValue(ctx, personKey{}, p)
}

// CallingPerson is the person behind a request, with the error of [CallingCluster].
func CallingPerson(ctx context.Context) (Person, error) {
	p, ok := ctx.Value(personKey{}).(Person)
	if !ok {
		return Person{}, errors.New("read person: the route did not authenticate it")
	}
	return p, nil
}

package sealing_test

import (
	"errors"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

func TestNothingIsLockedToAClusterThatNobodyCompared(t *testing.T) {
	cluster := &api.Cluster{Metadata: api.Metadata{Name: "shop-1"}, Spec: api.ClusterSpec{Recipient: "age1pq1x"}}
	target, err := sealing.ForCluster(cluster)
	if err != nil || target.String() != "cluster/shop-1" || target.Recipient != "age1pq1x" {
		t.Errorf("%+v, %v", target, err)
	}
	cluster.Spec.VouchedBy = api.VouchedByKeyService
	if _, err := sealing.ForCluster(cluster); !errors.Is(err, sealing.ErrVouched) {
		t.Errorf("%v, want ErrVouched", err)
	}
}

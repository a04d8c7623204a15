package console

import (
	"net/http"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// BenchmarkFleetPage is the page of a fleet of 3,000 clusters and 200 applications, each on
// all clusters, with 40 secrets on each: more are not in one answer of the key service.
func BenchmarkFleetPage(b *testing.B) {
	w := newWorld(b, many(3000, 200))
	answer := w.reported()
	for i, c := range answer.GetClusters() {
		c.Secrets = c.GetSecrets()[:40]
		if i%100 == 1 {
			c.Reported -= 2 * silentAfter.Microseconds()
		}
		if i%50 == 2 {
			d := c.GetState().GetDeliveries()[i%200]
			d.Ready, d.Reason = keyservicev1.Readiness_READINESS_NOT_READY, "ApplyFailed"
		}
	}
	w.login(&said{ledger: answer})
	for name, path := range map[string]string{"everything": "/", "one by one": "/?rows=all&from=120",
		"what failed": "/?state=Failed", "an application": "/applications/app-007", "clusters": "/clusters",
		"a cluster": "/clusters/c0101"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if out := w.get(path); out.Code != http.StatusOK {
					b.Fatal(out.Body)
				}
			}
		})
	}
}

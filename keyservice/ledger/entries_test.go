package ledger

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const (
	gone  = int32(keyservicev1.SecretState_SECRET_STATE_DEPROVISIONED)
	inUse = int32(keyservicev1.SecretState_SECRET_STATE_IN_USE)
)

func TestTheLogNamesWhatAClusterSaysIsInAState(t *testing.T) {
	secret := func(name string, state int32) store.LedgerSecret {
		return store.LedgerSecret{Namespace: "shop", Name: name, Placement: "shop", State: state}
	}
	secrets := func(all ...store.LedgerSecret) []store.LedgerSecret { return all }
	for _, test := range []struct {
		what   string
		report store.LedgerReport
		want   string
	}{
		{what: "alive", want: ""},
		{"news", store.LedgerReport{Secrets: secrets(secret("a", gone), secret("b", inUse), secret("Thing/c", gone))},
			"2 Deprovisioned: shop/a shop/c; 1 InUse: shop/b"},
		{"everything", store.LedgerReport{Complete: true, Secrets: secrets(secret("a", gone), secret("b", inUse))},
			"1 Deprovisioned: shop/a; 1 InUse, complete:"},
		{"everything, of nothing", store.LedgerReport{Complete: true}, "complete:"},
	} {
		var said []string
		for _, e := range reportEntries(authority.Cluster{Name: "eu"}, &heads.Head{}, &test.report) {
			text := e.Detail + ":"
			for _, built := range e.Built() {
				text += " " + built.Object
			}
			said = append(said, text)
			if named := e.Reported() != ""; named != (len(e.Built()) > 0) {
				t.Errorf("%s: state %q of %d objects", test.what, e.Reported(), len(e.Built()))
			}
		}
		if got := strings.Join(said, "; "); got != test.want {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
	}
}

func TestALongReportFitsInEntries(t *testing.T) {
	r := &store.LedgerReport{}
	for i := range 1000 {
		name := fmt.Sprintf("%s%04d", strings.Repeat("n", 249), i)
		r.Secrets = append(r.Secrets, store.LedgerSecret{Namespace: strings.Repeat("s", 63), Name: name,
			Placement: strings.Repeat("p", 63), State: gone})
	}
	named := 0
	for _, e := range reportEntries(authority.Cluster{Name: "eu"}, &heads.Head{}, r) {
		if size := len(e.Marshal()); size > audit.MaxEntry-512 {
			t.Errorf("an entry has %d bytes", size)
		}
		named += len(e.Built())
	}
	if named != 1000 {
		t.Errorf("%d objects are named", named)
	}
}

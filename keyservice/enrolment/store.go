package enrolment

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store"
)

// Store uses a token as often as it may be at most, however many requests race, and
// gives a name of a pattern to one key. Its methods fail with store.ErrJoinToken when
// token or challenge do not serve, with store.ErrNameTaken for another key's name.
type Store interface {
	BeginEnrolment(ctx context.Context, token [32]byte, e store.Enrolment, now time.Time) (store.Enrolment, error)
	// AnswerEnrolment takes "" for the name of a token for one cluster.
	AnswerEnrolment(ctx context.Context, token [32]byte, cluster string, challenge [32]byte, now time.Time) (store.Enrolment, error)
	CompleteEnrolment(token, challenge [32]byte, c store.Certificate, now time.Time) store.Change
	// AddCertificate notes a certificate that was renewed.
	AddCertificate(c store.Certificate) store.Change
	// Member returns store.ErrNotFound for who never was in the fleet.
	Member(ctx context.Context, fleet, cluster string) (store.Member, error)
}

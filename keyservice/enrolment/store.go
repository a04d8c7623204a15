package enrolment

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store"
)

// Store spends a token at most once, however many requests race. Its
// methods fail with store.ErrJoinToken when token or challenge do not serve.
type Store interface {
	BeginEnrolment(ctx context.Context, token [32]byte, e store.Enrolment, now time.Time) (store.Enrolment, error)
	AnswerEnrolment(ctx context.Context, token, challenge [32]byte, now time.Time) (store.Enrolment, error)
	CompleteEnrolment(token, challenge [32]byte, c store.Certificate, now time.Time) store.Change
	// AddCertificate notes a certificate that was renewed.
	AddCertificate(c store.Certificate) store.Change
	// Member returns store.ErrNotFound for who never was in the fleet.
	Member(ctx context.Context, fleet, cluster string) (store.Member, error)
}

package hsm_test

import (
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// halfWritten is a SoftHSM whose token another process writes at the moment: a
// process that starts reads no token, and sees it only when it starts again.
type halfWritten struct {
	*pkcs11.Ctx
	starts, readableAt, logins int
}

func (m *halfWritten) Initialize(options ...pkcs11.InitializeOption) error {
	m.starts++
	return m.Ctx.Initialize(options...)
}

func (m *halfWritten) GetSlotList(present bool) ([]uint, error) {
	if m.starts < m.readableAt {
		return nil, nil
	}
	return m.Ctx.GetSlotList(present)
}

func (m *halfWritten) Login(s pkcs11.SessionHandle, user uint, pin string) error {
	m.logins++
	return m.Ctx.Login(s, user, pin)
}

func TestATokenThatAnotherProcessWritesIsLookedForAgain(t *testing.T) {
	tok := token.ForTest(t)
	for _, env := range tok.Env {
		name, value, _ := strings.Cut(env, "=")
		t.Setenv(name, value)
	}
	m := &halfWritten{readableAt: 2}
	d, err := hsm.OpenDirect(tok.Config(fleet), 1, func(ctx *pkcs11.Ctx) hsm.Module { m.Ctx = ctx; return m })
	if err != nil {
		t.Fatalf("after %d further looks: %v", m.starts, err)
	}
	d.Close()
	if m.starts != 2 || m.logins != 1 {
		t.Errorf("%d further looks and %d logins, want 2 and 1", m.starts, m.logins)
	}
}

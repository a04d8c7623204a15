package keyservice_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/receiver"
)

const hookSecret = "what the forge and the service know"

// tell sends one webhook.
func (w *world) tell(secret, body string) int {
	to := w.hooks + receiver.Path("forge")
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Error(err)
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// looks is how often the remote was asked, and answered.
func (w *world) looks(t *testing.T) int {
	t.Helper()
	text := w.get("/metrics")
	_, after, found := strings.Cut(text, `bulla_keyservice_looks_total{result="ok"} `)
	if !found {
		return 0
	}
	line, _, _ := strings.Cut(after, "\n")
	n, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The service of this test looks by itself once an hour.
func TestAPushIsSeenWhenItsWebhookComes(t *testing.T) {
	w := newWorld(t)
	wait.Until(t, "the first look ends", func() bool { return w.looks(t) > 0 })
	head := w.commit(map[string]string{"README.md": "a push"})
	accepted := `"msg":"accepted head","head":"` + head + `"`
	if got := w.tell("a secret that somebody guessed", `{}`); got != http.StatusUnauthorized {
		t.Errorf("a forged webhook: status %d, want 401", got)
	}
	if looks := w.looks(t); looks != 1 || strings.Contains(w.logs.String(), accepted) {
		t.Errorf("%d looks, the last for a forged webhook", looks)
	}
	if got := w.tell(hookSecret, `{}`); got != http.StatusAccepted {
		t.Errorf("status %d, want 202", got)
	}
	wait.Until(t, "the push is seen", func() bool { return strings.Contains(w.logs.String(), accepted) })
	if strings.Contains(w.logs.String(), hookSecret) {
		t.Error("the log tells the secret")
	}
}

// A forge that repeats itself, and who replays what it sent, cost a look that is under
// way and the one that follows it.
func TestAFloodOfWebhooksCostsFewLooks(t *testing.T) {
	const flood = 1000
	w := newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) { w.lookEvery = 0 }) // the product's
	wait.Until(t, "the first look ends", func() bool { return w.looks(t) > 0 })
	before := w.looks(t)
	began := time.Now()
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for range flood / 8 {
				got := w.tell(hookSecret, `{"replayed": true}`)
				if got != http.StatusAccepted && got != http.StatusServiceUnavailable {
					t.Errorf("status %d", got)
					return
				}
			}
		})
	}
	senders.Wait()
	looks := w.looks(t) - before
	t.Logf("%d webhooks, %d looks", flood, looks)
	if looks > flood/20+int(time.Since(began)/time.Second) { // there is one a second, on a machine that takes long
		t.Errorf("%d webhooks cost %d looks", flood, looks)
	}
}

package forgelogin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"golang.org/x/oauth2"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

const (
	// patience is what one call of this package may take.
	patience = 30 * time.Second
	// mostAnswer is far beyond what a forge says of a person, in bytes.
	mostAnswer = 1 << 20
	// mostWord is how long a name may be, in bytes.
	mostWord = 200
)

// asking is the client, without redirects.
func (c Config) asking() *http.Client {
	client := http.Client{Transport: http.DefaultTransport}
	if c.Client != nil {
		client = *c.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Timeout = cmp.Or(client.Timeout, patience)
	return &client
}

// api is the address of the forge's API.
func (f *Forge) api() string {
	if f.config.URL == "https://github.com" {
		return "https://api.github.com"
	}
	return f.config.URL + f.kind.api
}

// login is what all of them call people. It comes to stand in pages and messages alone.
var login = regexp.MustCompile(`^[\pL\pN][\pL\pN._-]{0,99}$`)

// whose asks the forge whose token it is.
func (f *Forge) whose(ctx context.Context, token *oauth2.Token) (*Account, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.api()+f.kind.me, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s whose token it is: %w", f.config.URL, err)
	}
	r.Header.Set("Authorization", "Bearer "+token.AccessToken)
	r.Header.Set("Accept", "application/json")
	answer, err := f.client.Do(r)
	if err != nil {
		return nil, fault.New("the forge cannot be reached, or does not answer: try again later; whoever runs the console "+
			"looks at --forge-url and its network policy", "ask %s whose token it is: %w", f.config.URL, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil {
		return nil, fmt.Errorf("ask %s whose token it is: %w", f.config.URL, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fault.New(f.hint(answer.StatusCode), "ask %s whose token it is: it says %d %s", f.config.URL,
			answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	var said struct {
		Login    string `json:"login"`
		Username string `json:"username"`
		Name     string `json:"name"`
		FullName string `json:"full_name"`
		Email    string `json:"email"`
	}
	if err := json.Unmarshal(body, &said); err != nil || !login.MatchString(cmp.Or(said.Login, said.Username)) {
		return nil, fault.New("whoever runs the console looks whether --forge and --forge-url are those of one forge",
			"ask %s whose token it is: the answer names nobody", f.config.URL)
	}
	return &Account{Login: cmp.Or(said.Login, said.Username),
		Name: printable.Line(cmp.Or(said.Name, said.FullName), mostWord), Email: printable.Line(said.Email, mostWord),
		kept: &kept{token: token}}, nil
}

// hint is what to do about an answer.
func (f *Forge) hint(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "the token is wrong, expired or revoked: make another at " + f.TokenPage() + ", with " + f.kind.needs
	case http.StatusForbidden, http.StatusNotFound:
		return "the token may not say whose it is: make one at " + f.TokenPage() + " with " + f.kind.needs
	}
	if status >= 300 && status < 400 {
		return "the forge is at another address, and a token goes to none that was not named: whoever runs the console " +
			"gives it with --forge-url"
	}
	return "try again later; whoever runs the console looks whether --forge and --forge-url are those of one forge"
}

// refused is what OAuth says of an error, without the answer's whole text: a forge may
// repeat in it what it was sent.
func refused(err error) error {
	var said *oauth2.RetrieveError
	if !errors.As(err, &said) {
		return err
	}
	if said.ErrorCode == "" {
		return fmt.Errorf("it answers %d", said.Response.StatusCode)
	}
	return fmt.Errorf("it says %s", printable.Line(said.ErrorCode, mostWord))
}

package console

import (
	"net/http"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/forgelogin"
)

// ForgeCallback is where the forge leads a person back to. Browsers keep the session's
// cookie back then, so that the guard has the page ask once more, by itself.
const ForgeCallback = "/account/forge/callback"

// accountPage is who a person is here, and at the forge.
type accountPage struct {
	Person Person
	// Forge is where accounts are; nil where nobody connects one.
	Forge *forgelogin.Forge
	// Account is the one that is connected; nil for none.
	Account *forgelogin.Account
	// Draft waits for it, "" for none.
	Draft string
}

func (c *Console) account(w http.ResponseWriter, r *http.Request) error {
	p := person(r.Context())
	body := accountPage{Person: p, Forge: c.accounts, Account: p.Forge.Account()}
	if p.Forge != nil {
		body.Draft = p.Forge.Waiting()
	}
	return c.show(w, r, page{Template: "account.html", Title: "Account", Section: "account", Body: body})
}

// held is the place of an account in a person's session.
func (c *Console) held(r *http.Request) (*forgelogin.Held, error) {
	p := person(r.Context())
	if c.accounts == nil || p.Forge == nil {
		return nil, notFound("what you request is pushed by your own git, as you", "this console connects no accounts")
	}
	return p.Forge, nil
}

// beginForge leads to the forge. It answers with a page that leads on: the policy of these
// pages has no form end elsewhere, by a redirect neither.
func (c *Console) beginForge(w http.ResponseWriter, r *http.Request) error {
	held, err := c.held(r)
	if err != nil {
		return err
	}
	if !c.accounts.HasOAuth() {
		return notFound("paste a token of your own", "this console is no application at %s", c.accounts.URL())
	}
	state, verifier := held.Begin()
	return c.leadOn(w, r, "To the forge", c.accounts.AuthCodeURL(state, verifier))
}

func (c *Console) leadOn(w http.ResponseWriter, r *http.Request, title, to string) error {
	w.Header().Set("Refresh", "0; url="+to)
	return c.show(w, r, page{Template: "leadon.html", Title: title, Section: "account", Body: to})
}

// doneForge connects the account of the code that the forge gave.
func (c *Console) doneForge(w http.ResponseWriter, r *http.Request) error {
	held, err := c.held(r)
	if err != nil {
		return err
	}
	said := r.URL.Query()
	verifier, err := held.Take(said.Get("state"))
	if err != nil {
		return &statusError{http.StatusForbidden, err}
	}
	if said.Get("code") == "" {
		return &statusError{http.StatusForbidden, fault.New("begin again, and say yes there; or paste a token of your own",
			"%s gave no access to your account", c.accounts.URL())}
	}
	account, err := c.accounts.Exchange(r.Context(), said.Get("code"), verifier)
	if err != nil {
		return &statusError{http.StatusBadGateway, err}
	}
	held.Keep(account)
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

// pasteForge connects the account of a token.
func (c *Console) pasteForge(w http.ResponseWriter, r *http.Request) error {
	held, err := c.held(r)
	if err != nil {
		return err
	}
	account, err := c.accounts.Check(r.Context(), r.PostFormValue("token"))
	if err != nil {
		return &statusError{http.StatusUnprocessableEntity, err}
	}
	held.Keep(account)
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

func (c *Console) forgetForge(w http.ResponseWriter, r *http.Request) error {
	held, err := c.held(r)
	if err != nil {
		return err
	}
	held.Forget()
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

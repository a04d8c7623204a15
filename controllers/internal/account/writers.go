// Package account gives the clients that write: as the controller, or as the
// service account that a placement names.
package account

import (
	"fmt"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Writers are the clients that applies and deletes go through: the controller's
// own, and one for each service account that a placement names.
type Writers struct {
	Config *rest.Config
	Scheme *runtime.Scheme
	Mapper meta.RESTMapper
	// Wrap is for tests that cut a pass short; nil for none.
	Wrap func(client.Client) client.Client

	mu sync.Mutex
	by map[string]client.Client
}

// As gives the client of a service account, as namespace/name; "" is the
// controller's own. The API server adds the groups of service accounts.
func (w *Writers) As(account string) (client.Client, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.by[account]; ok {
		return c, nil
	}
	config := rest.CopyConfig(w.Config)
	// Warnings are texts of the API server and of webhooks about what was sent,
	// and the default handler logs them.
	config.WarningHandler = rest.NoWarnings{}
	config.WarningHandlerWithContext = rest.NoWarnings{}
	if account != "" {
		namespace, name, ok := strings.Cut(account, "/")
		if !ok {
			return nil, fmt.Errorf("impersonate %q: not namespace/name", account)
		}
		config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + name}
	}
	c, err := client.New(config, client.Options{Scheme: w.Scheme, Mapper: w.Mapper})
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	if w.Wrap != nil {
		c = w.Wrap(c)
	}
	if w.by == nil {
		w.by = map[string]client.Client{}
	}
	w.by[account] = c
	return c, nil
}

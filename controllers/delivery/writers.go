package delivery

import (
	"fmt"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// writers are the clients that applies and deletes go through: the controller's
// own, and one for each service account that a placement names.
type writers struct {
	config *rest.Config
	scheme *runtime.Scheme
	mapper meta.RESTMapper
	// wrap is for tests that cut a pass short.
	wrap func(client.Client) client.Client

	mu sync.Mutex
	by map[string]client.Client
}

// as gives the client of a service account, as namespace/name; "" is the
// controller's own. The API server adds the groups of service accounts.
func (w *writers) as(account string) (client.Client, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.by[account]; ok {
		return c, nil
	}
	config := rest.CopyConfig(w.config)
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
	c, err := client.New(config, client.Options{Scheme: w.scheme, Mapper: w.mapper})
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	if w.wrap != nil {
		c = w.wrap(c)
	}
	if w.by == nil {
		w.by = map[string]client.Client{}
	}
	w.by[account] = c
	return c, nil
}

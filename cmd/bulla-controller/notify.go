package main

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/controllers/metrics"
	watch "github.com/bulla-dev/bulla/controllers/notify"
	"github.com/bulla-dev/bulla/notify"
)

const notifyHint = "the file is shown at " + manual.At + "operations/notifications.md"

// addNotifications has changes of how things stand sent, where a file says to whom.
func addNotifications(mgr ctrl.Manager, path string, m *metrics.Metrics) error {
	if path == "" {
		return nil
	}
	providers, err := notify.Load(path)
	if err != nil {
		return fault.NewUsage(notifyHint, "read --notify-config: %v", err)
	}
	log := mgr.GetLogger().WithName("notify")
	w := &watch.Watcher{Cache: mgr.GetCache()}
	for _, p := range providers {
		w.Senders = append(w.Senders, notify.NewSender(p, m, func(provider, kind, why string) {
			log.Info("a notification is not sent", "provider", provider, "type", kind, "why", why)
		}))
	}
	if err := mgr.Add(w); err != nil {
		return fmt.Errorf("set up notifications: %w", err)
	}
	return nil
}

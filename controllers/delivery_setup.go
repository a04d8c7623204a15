package controllers

import (
	"context"
	"errors"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
)

// DeliveryOptions is what the Delivery loop needs from the rest of the process.
type DeliveryOptions struct {
	// Namespace of the Deliveries: the controller's own.
	Namespace string
	// Snapshots holds what Git places here.
	Snapshots *Snapshots
	// Unsealer gives secret values.
	Unsealer Unsealer
	// MACKey gives the per-cluster key under which live Secrets are compared:
	// 32 bytes, the same as long as the cluster lives.
	MACKey func(context.Context) ([]byte, error)
	// Concurrency is how many Deliveries work at once. Default 4.
	Concurrency int
}

func (o DeliveryOptions) validate() error {
	switch {
	case o.Snapshots == nil:
		return errors.New("no snapshots")
	case o.Unsealer == nil:
		return errors.New("no unsealer")
	case o.MACKey == nil:
		return errors.New("no MAC key")
	}
	return nil
}

// SetupDelivery adds the Delivery loop and its metadata-only watches to mgr.
func SetupDelivery(mgr ctrl.Manager, o DeliveryOptions) error {
	if err := o.validate(); err != nil {
		return fmt.Errorf("set up delivery: %w", err)
	}
	return nil
}

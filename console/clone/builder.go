package clone

import "github.com/bulla-dev/bulla/kustomize"

// Builder builds what is not committed yet, as snapshots are built.
func (c *Clone) Builder() *kustomize.Builder { return c.builder }

package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

const (
	defaultTimeout  = 5 * time.Minute
	defaultInterval = 10 * time.Minute
)

var clusterResource = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$`)

func (pl *Placement) validate(p *problems) {
	p.checkMetadata(pl.Metadata)
	s := pl.Spec
	p.checkPath("spec.path", s.Path)
	s.validateTargets(p)
	s.validateNamespaces(p)
	for i, dependency := range s.DependsOn {
		field := fmt.Sprintf("spec.dependsOn[%d].name", i)
		p.checkLabel(field, dependency.Name)
		if dependency.Name == pl.Metadata.Name {
			p.add(field, "is this placement itself")
		}
		p.checkExpression(fmt.Sprintf("spec.dependsOn[%d].readyExpr", i), dependency.ReadyExpr)
	}
	if i, ok := firstDuplicate(s.DependsOn, func(r PlacementReference) string { return r.Name }); ok {
		p.add(fmt.Sprintf("spec.dependsOn[%d].name", i), "stands twice")
	}
	if s.ServiceAccountName != "" {
		p.checkSubdomain("spec.serviceAccountName", s.ServiceAccountName)
	}
	s.validateAllow(p)
	s.validateWindows(p)
	s.validateHealth(p)
	p.checkRetry("spec.retryInterval", s.RetryInterval)
	p.checkDeletion(s.DeletionPolicy)
	s.Overlay.validate(p)
	s.validateVariants(p)
	s.Rollout.validate(p)
	for field, duration := range map[string]*Duration{"spec.timeout": s.Timeout, "spec.interval": s.Interval} {
		if duration != nil && duration.Duration <= 0 {
			p.add(field, "must be more than zero")
		}
	}
}

func (s PlacementSpec) validateTargets(p *problems) {
	if len(s.Targets) == 0 {
		p.add("spec.targets", "is empty; name at least one clusterName or clusterSet")
	}
	for i, target := range s.Targets {
		field := fmt.Sprintf("spec.targets[%d]", i)
		switch {
		case (target.ClusterName == "") == (target.ClusterSet == ""):
			p.add(field, "must have exactly one of clusterName and clusterSet")
		case target.ClusterName != "":
			p.checkLabel(field+".clusterName", target.ClusterName)
		default:
			p.checkLabel(field+".clusterSet", target.ClusterSet)
		}
		if target.NotAfter != "" && !isTime(target.NotAfter) {
			p.add(field+".notAfter", "%q is no time; write for example 2027-03-31T00:00:00Z", clip(target.NotAfter))
		}
	}
	if i, ok := firstDuplicate(s.Targets, PlacementTarget.Names); ok {
		p.add(fmt.Sprintf("spec.targets[%d]", i), "stands twice")
	}
}

// isTime admits one spelling of a time: RFC 3339 in whole seconds, with a zone. Two
// readers must not see two ends in one text.
func isTime(text string) bool {
	at, err := time.Parse(time.RFC3339, text)
	return err == nil && at.Format(time.RFC3339) == text && at.Year() > 1
}

func (s PlacementSpec) validateNamespaces(p *problems) {
	switch {
	case s.TargetNamespace == "" && len(s.Namespaces) == 0:
		p.add("spec.targetNamespace", "is missing; name the namespace of this placement, or several under namespaces")
	case s.TargetNamespace != "" && len(s.Namespaces) > 0:
		p.add("spec.namespaces", "must not be set beside targetNamespace")
	case s.TargetNamespace != "":
		p.checkLabel("spec.targetNamespace", s.TargetNamespace)
	}
	for i, namespace := range s.Namespaces {
		p.checkLabel(fmt.Sprintf("spec.namespaces[%d]", i), namespace)
	}
	if i, ok := firstDuplicate(s.Namespaces, itself); ok {
		p.add(fmt.Sprintf("spec.namespaces[%d]", i), "stands twice")
	}
}

func (s PlacementSpec) validateAllow(p *problems) {
	if s.Allow == nil {
		return
	}
	for i, resource := range s.Allow.ClusterResources {
		if !clusterResource.MatchString(resource) {
			p.add(
				fmt.Sprintf("spec.allow.clusterResources[%d]", i),
				"%q is not Kind.group, for example CustomResourceDefinition.apiextensions.k8s.io",
				resource,
			)
		}
	}
	if i, ok := firstDuplicate(s.Allow.ClusterResources, itself); ok {
		p.add(fmt.Sprintf("spec.allow.clusterResources[%d]", i), "stands twice")
	}
}

// AllNamespaces returns the namespaces that the placement may write, in the
// order of the file. The first is the one of its service account.
func (s PlacementSpec) AllNamespaces() []string {
	if s.TargetNamespace != "" {
		return []string{s.TargetNamespace}
	}
	return slices.Clone(s.Namespaces)
}

// ClusterResources are the cluster-scoped kinds, each "Kind.group", that the placement
// may write.
func (s PlacementSpec) ClusterResources() []string {
	if s.Allow == nil {
		return nil
	}
	return s.Allow.ClusterResources
}

// PruneEnabled reports whether plain objects that Git no longer places are deleted.
// Default true.
func (s PlacementSpec) PruneEnabled() bool { return s.Prune == nil || *s.Prune }

// WaitEnabled reports whether Ready waits for health. Default true.
func (s PlacementSpec) WaitEnabled() bool { return s.Wait == nil || *s.Wait }

// TimeoutOrDefault bounds waiting for health. Default 5 minutes.
func (s PlacementSpec) TimeoutOrDefault() time.Duration {
	if s.Timeout == nil {
		return defaultTimeout
	}
	return s.Timeout.Duration
}

// Retry is the pause after an attempt that failed; 0 for the usual back-off.
func (s PlacementSpec) Retry() time.Duration {
	if s.RetryInterval == nil {
		return 0
	}
	return s.RetryInterval.Duration
}

// IntervalOrDefault is the backstop of drift detection. Default 10 minutes.
func (s PlacementSpec) IntervalOrDefault() time.Duration {
	if s.Interval == nil {
		return defaultInterval
	}
	return s.Interval.Duration
}

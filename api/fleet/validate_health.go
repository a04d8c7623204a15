package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Bounds on what a Placement may have looked at.
const (
	maxHealthChecks = 100
	maxExpressions  = 50
	// maxExpression is the length of one expression, in bytes.
	maxExpression = 2048
	// minRetry is the shortest retryInterval: what fails is not to be a load.
	minRetry = time.Second
)

var (
	apiVersionSyntax = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?$`)
	kindSyntax       = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)
)

func (s PlacementSpec) validateHealth(p *problems) {
	if len(s.HealthChecks) > maxHealthChecks {
		p.add("spec.healthChecks", "has %d entries; at most %d are looked at", len(s.HealthChecks), maxHealthChecks)
		return
	}
	for i, check := range s.HealthChecks {
		s.validateHealthCheck(p, fmt.Sprintf("spec.healthChecks[%d]", i), check)
	}
	if i, ok := firstDuplicate(s.HealthChecks, func(c HealthCheck) HealthCheck { return c }); ok {
		p.add(fmt.Sprintf("spec.healthChecks[%d]", i), "stands twice")
	}
	if len(s.HealthCheckExprs) > maxExpressions {
		p.add("spec.healthCheckExprs", "has %d entries; at most %d are looked at", len(s.HealthCheckExprs), maxExpressions)
		return
	}
	for i, check := range s.HealthCheckExprs {
		check.validate(p, fmt.Sprintf("spec.healthCheckExprs[%d]", i))
	}
	kindOf := func(c HealthCheckExpr) string { return groupOf(c.APIVersion) + "/" + c.Kind }
	if i, ok := firstDuplicate(s.HealthCheckExprs, kindOf); ok {
		p.add(fmt.Sprintf("spec.healthCheckExprs[%d].kind", i), "stands twice")
	}
}

// validateHealthCheck holds an object to where the placement may write: the state of
// what others have is not for its status.
func (s PlacementSpec) validateHealthCheck(p *problems, field string, check HealthCheck) {
	p.checkObjectKind(field, check.APIVersion, check.Kind)
	p.checkSubdomain(field+".name", check.Name)
	switch {
	case check.Namespace != "":
		if !slices.Contains(s.AllNamespaces(), check.Namespace) {
			p.add(field+".namespace", "%q is not a namespace of this placement", check.Namespace)
		}
	case !slices.Contains(s.ClusterResources(), resourceOf(check.APIVersion, check.Kind)):
		p.add(field+".namespace", "is missing; a cluster-scoped kind needs its line in allow.clusterResources")
	}
}

func (c HealthCheckExpr) validate(p *problems, field string) {
	p.checkObjectKind(field, c.APIVersion, c.Kind)
	if groupOf(c.APIVersion) == "" && c.Kind == "Secret" {
		p.add(field+".kind", "must not be Secret: whether an expression holds would tell of the value")
	}
	if c.Current == "" {
		p.add(field+".current", "is missing")
	}
	for _, part := range [][2]string{{"inProgress", c.InProgress}, {"failed", c.Failed}, {"current", c.Current}} {
		p.checkExpression(field+"."+part[0], part[1])
	}
}

func (p *problems) checkObjectKind(field, apiVersion, kind string) {
	if !apiVersionSyntax.MatchString(apiVersion) {
		p.add(field+".apiVersion", "%q is not a group and version, for example apps/v1", apiVersion)
	}
	if !kindSyntax.MatchString(kind) {
		p.add(field+".kind", "%q is not a kind, for example Deployment", kind)
	}
}

func (p *problems) checkExpression(field, text string) {
	if len(text) > maxExpression {
		p.add(field, "has %d bytes; an expression has at most %d", len(text), maxExpression)
	}
}

func (p *problems) checkRetry(field string, retry *Duration) {
	if retry != nil && retry.Duration < minRetry {
		p.add(field, "must be at least %s", minRetry)
	}
}

func groupOf(apiVersion string) string {
	group, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		return ""
	}
	return group
}

// resourceOf is a kind as allow.clusterResources has it.
func resourceOf(apiVersion, kind string) string {
	if group := groupOf(apiVersion); group != "" {
		return kind + "." + group
	}
	return kind
}

package checkcmd

import (
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/charts"
	"github.com/bulla-dev/bulla/desk/naming"
)

// rights asks the API server whether the controller may do what its chart lets it: a
// role that somebody trimmed shows weeks later, in the one case that needs it.
func (a *run) rights(ctx context.Context, client kubernetes.Interface, namespace, account string) {
	rights, err := charts.ControllerRights()
	if err != nil {
		a.is(Failed, "rights", err)
		return
	}
	questions := append(questions(rights.Own, namespace), questions(rights.Cluster, "")...)
	var lacks []string
	for _, question := range questions {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			ResourceAttributes: &question, User: "system:serviceaccount:" + namespace + ":" + account,
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		}}
		answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		switch {
		case apierrors.IsForbidden(err):
			a.notAsked("rights", "ask for the right to create subjectaccessreviews", "%v", err)
			return
		case err != nil:
			a.failed("rights", "can `kubectl` reach the cluster?", "%v", err)
			return
		case !answer.Status.Allowed:
			lacks = append(lacks, spell(question))
		}
	}
	if len(lacks) > 0 {
		a.failed("rights", "helm upgrade the chart bulla-controller: "+manual.At+"operations/accounts.md",
			"account %s/%s may not %s", namespace, account, naming.Some(lacks))
		return
	}
	a.ok("rights", "account %s/%s has all %d of the chart's", namespace, account, len(questions))
}

// questions are one for each group, resource and verb of rules.
func questions(rules []rbacv1.PolicyRule, namespace string) (all []authorizationv1.ResourceAttributes) {
	for _, rule := range rules {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					for _, name := range names {
						plural, sub, _ := strings.Cut(resource, "/")
						all = append(all, authorizationv1.ResourceAttributes{Namespace: namespace, Group: group, Verb: verb,
							Resource: plural, Subresource: sub, Name: name})
					}
				}
			}
		}
	}
	return all
}

func spell(q authorizationv1.ResourceAttributes) string {
	what := q.Resource
	if q.Subresource != "" {
		what += "/" + q.Subresource
	}
	if q.Group != "" && q.Group != "*" {
		what += "." + q.Group
	}
	if what == "*" {
		what = "everything"
	}
	if q.Name != "" {
		what += fmt.Sprintf(" %q", q.Name)
	}
	return q.Verb + " " + what
}

// toInstall is what the chart makes.
var toInstall = []authorizationv1.ResourceAttributes{
	{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Verb: "create"},
	{Group: "rbac.authorization.k8s.io", Resource: "clusterroles", Verb: "create"},
	{Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings", Verb: "create"},
	{Group: "apps", Resource: "deployments", Verb: "create"},
	{Resource: "namespaces", Verb: "create"},
	{Resource: "secrets", Verb: "create"},
}

// mayInstall asks whether you may.
func (a *run) mayInstall(ctx context.Context, client kubernetes.Interface) {
	var lacks []string
	for _, question := range toInstall {
		if question.Group == "apps" || question.Resource == "secrets" {
			question.Namespace = a.namespace
		}
		review := &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &question}}
		answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			a.failed("right to install", "can `kubectl` reach the cluster?", "%v", err)
			return
		}
		if !answer.Status.Allowed {
			lacks = append(lacks, spell(question))
		}
	}
	if len(lacks) > 0 {
		a.failed("right to install", "an administrator of the cluster installs the chart", "you may not %s",
			naming.Some(lacks))
		return
	}
	a.ok("right to install", "you may make what the chart does")
}

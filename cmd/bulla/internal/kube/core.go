package kube

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/bulla-dev/bulla/api/fault"
)

func (c *Cluster) core() (typed.CoreV1Interface, error) {
	core, err := typed.NewForConfig(c.Config)
	if err != nil {
		return nil, fault.New("`kubectl config view` shows it", "read kubeconfig: %w", err)
	}
	return core, nil
}

// Events are those of our kinds; an empty namespace is all of them.
func (c *Cluster) Events(ctx context.Context, namespace string) (*corev1.EventList, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	core, err := c.core()
	if err != nil {
		return nil, err
	}
	list, err := core.Events(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fault.New(coreHint(err, "list", "events", namespace), "list events of %s: %w", c.Where, err)
	}
	return list, nil
}

// Controllers are the pods of the controller.
func (c *Cluster) Controllers(ctx context.Context, namespace string) ([]corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	core, err := c.core()
	if err != nil {
		return nil, err
	}
	const label = "app.kubernetes.io/name=bulla-controller"
	pods, err := core.Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return nil, fault.New(coreHint(err, "list", "pods", namespace), "list pods of %s: %w", c.Where, err)
	}
	if len(pods.Items) == 0 {
		return nil, fault.New("the chart's pods have the label "+label+"; -n names their namespace",
			"there is no pod of bulla-controller in namespace %q of %s", namespace, c.Where)
	}
	return pods.Items, nil
}

// Logs reads what a pod's controller writes. The caller closes it.
func (c *Cluster) Logs(ctx context.Context, pod corev1.Pod, o *corev1.PodLogOptions) (io.ReadCloser, error) {
	core, err := c.core()
	if err != nil {
		return nil, err
	}
	stream, err := core.Pods(pod.Namespace).GetLogs(pod.Name, o).Stream(ctx)
	if err != nil {
		return nil, fault.New(coreHint(err, "get", "pods/log", pod.Namespace), "read logs of pod %q of %s: %w",
			pod.Name, c.Where, err)
	}
	return stream, nil
}

func coreHint(err error, verb, what, namespace string) string {
	if apierrors.IsForbidden(err) {
		where := "all namespaces: name one with -n, or"
		if namespace != "" {
			where = fmt.Sprintf("namespace %q:", namespace)
		}
		return "you may not in " + where + " ask for the right to " + verb + " " + what
	}
	return "can `kubectl` reach the cluster?"
}

// Package say makes texts of errors and of Git fit for statuses, events and logs.
package say

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Conditions makes the messages of conditions safe to show: they repeat file names and
// build errors of the repository, and people read them with kubectl in a terminal.
func Conditions(all []metav1.Condition) {
	for i := range all {
		all[i].Message = printable.Text(all[i].Message)
	}
}

// Recorder records events whose messages are safe to show.
type Recorder struct{ record.EventRecorder }

// Event implements [record.EventRecorder].
func (r Recorder) Event(object runtime.Object, kind, reason, message string) {
	r.EventRecorder.Event(object, kind, reason, printable.Text(message))
}

// Eventf implements [record.EventRecorder].
func (r Recorder) Eventf(object runtime.Object, kind, reason, format string, args ...any) {
	r.Event(object, kind, reason, fmt.Sprintf(format, args...))
}

// AnnotatedEventf implements [record.EventRecorder].
func (r Recorder) AnnotatedEventf(object runtime.Object, annotations map[string]string, kind, reason, format string, args ...any) {
	r.EventRecorder.AnnotatedEventf(object, annotations, kind, reason, "%s", printable.Text(fmt.Sprintf(format, args...)))
}

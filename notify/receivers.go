package notify

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// slack is Slack's incoming webhook, as Mattermost, Rocket.Chat and Discord (/slack)
// take it. The three characters that begin its markup are told literally: a stranger's
// text must not ring @channel.
func (p Provider) slack(n Notice) (*http.Request, error) {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	sign := ":white_check_mark: "
	switch {
	case n.Kind == Refusals:
		sign = ":no_entry: "
	case !n.Ready:
		sign = ":x: "
	}
	text := sign + escape.Replace(n.text())
	if n.Revision != "" {
		text += "\n" + escape.Replace(n.Revision)
	}
	return postJSON(p.Address, "application/json", map[string]any{"text": text})
}

const (
	// alertFor is how long an alert stands without its end: the controller says it once.
	alertFor = 24 * time.Hour
	// refusedFor is how long one of refusals stands: what was refused has no end.
	refusedFor = 15 * time.Minute
)

// alert is the body of Alertmanager's API v2. What tells alerts apart hangs on the
// object alone, so that the end of one meets its beginning.
func (p Provider) alert(n Notice) (*http.Request, error) {
	alert := map[string]any{
		"labels": map[string]string{
			"alertname": "BullaNotReady", "severity": "error", "cluster": n.Cluster, "kind": n.Kind,
			"namespace": n.Namespace, "name": n.Name,
		},
		"annotations": map[string]string{"summary": n.text(), "reason": n.Reason, "revision": n.Revision},
		"endsAt":      time.Now().Add(alertFor).UTC().Format(time.RFC3339),
	}
	switch {
	case n.Kind == Refusals:
		alert["labels"] = map[string]string{"alertname": "BullaRefused", "severity": "warning", "fleet": n.Name}
		alert["endsAt"] = time.Now().Add(refusedFor).UTC().Format(time.RFC3339)
	case n.Ready:
		alert["endsAt"] = time.Now().UTC().Format(time.RFC3339)
	}
	address := strings.TrimSuffix(p.Address, "/")
	if !strings.HasSuffix(address, "/api/v2/alerts") {
		address += "/api/v2/alerts"
	}
	return postJSON(address, "application/json", []any{alert})
}

// cloudEvent is a CloudEvent 1.0 in structured mode, with an HMAC over the body in
// X-Signature, as Flux's generic-hmac and bulla's own receiver have it.
func (p Provider) cloudEvent(n Notice) (*http.Request, error) {
	kind := "dev.bulla." + strings.ToLower(n.Kind) + map[bool]string{true: ".ready", false: ".not-ready"}[n.Ready]
	source, subject := "/clusters/"+url.PathEscape(n.Cluster), n.Namespace+"/"+n.Name
	if n.Kind == Refusals {
		kind, source, subject = "dev.bulla.refusals", "/fleets/"+url.PathEscape(n.Name), n.Name
	}
	body, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": rand.Text(), "type": kind, "source": source,
		"subject": subject, "time": n.At.UTC().Format(time.RFC3339),
		"datacontenttype": "application/json",
		"data": map[string]any{
			"cluster": n.Cluster, "kind": n.Kind, "namespace": n.Namespace, "name": n.Name, "revision": n.Revision,
			"ready": n.Ready, "reason": n.Reason, "message": n.text(),
		},
	})
	if err != nil {
		return nil, err
	}
	request, err := post(p.Address, "application/cloudevents+json", body)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, p.Secret)
	mac.Write(body)
	request.Header.Set("X-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return request, nil
}

// maxDescription is what GitHub takes of one, in characters.
const maxDescription = 130

// context is the name of a status. That of a set has one part less than that of a
// placement on a cluster, so that neither can take the other's.
func (n Notice) context() string {
	switch {
	case n.Kind == ClusterSet && n.Name == "":
		return "bulla"
	case n.Kind == ClusterSet:
		return "bulla/" + n.Name
	}
	return "bulla/" + n.Cluster + "/" + n.Name
}

// state is how a forge calls it.
func (p Provider) state(n Notice) string {
	gitlab := p.Type == GitLab
	switch {
	case n.Ready:
		return "success"
	case n.Pending && gitlab:
		return "running"
	case n.Pending:
		return "pending"
	case gitlab:
		return "failed"
	}
	return "failure"
}

// commitStatus sets the status of a placement on a cluster, or of a set of them, at the
// forge.
func (p Provider) commitStatus(n Notice) (*http.Request, error) {
	name, said := n.context(), n.Message
	if n.Kind != ClusterSet {
		said = n.Reason + ": " + said
	}
	said = short(printable.Text(said), maxDescription)
	base := strings.TrimSuffix(p.Address, "/")
	var address string
	body := map[string]any{"state": p.state(n), "context": name, "description": said}
	switch p.Type {
	case GitHub:
		address = base + "/repos/" + p.Repository + "/statuses/" + n.commit()
	case Gitea:
		address = base + "/api/v1/repos/" + p.Repository + "/statuses/" + n.commit()
	case GitLab:
		address = base + "/api/v4/projects/" + url.PathEscape(p.Repository) + "/statuses/" + n.commit()
		body = map[string]any{"state": p.state(n), "name": name, "description": said}
	}
	request, err := postJSON(address, "application/json", body)
	if err != nil {
		return nil, err
	}
	if p.Type == GitLab {
		request.Header.Set("PRIVATE-TOKEN", string(p.Secret))
		return request, nil
	}
	request.Header.Set("Authorization", map[string]string{GitHub: "Bearer ", Gitea: "token "}[p.Type]+string(p.Secret))
	return request, nil
}

func postJSON(address, contentType string, body any) (*http.Request, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return post(address, contentType, data)
}

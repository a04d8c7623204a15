package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/fixtures/helm"
)

// leastValues are what the chart cannot know.
const leastValues = `
url: https://console.example.com
rootKey: acme+65c4e5d8+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABC1aO+XUZ1Pz5pzZ4HG4AaWRdTZ5GO/` +
	`cbddc/EIVnOviFlEdAF0kXmnu/mAMfUo77oMAKkr3VRXDa1RSLtIF1N4=
repository: {url: "https://git.example.com/acme/fleet.git"}
oidc: {issuer: "https://login.example.com", clientID: bulla-console}
tls: {secretName: console-tls}
`

// allValues are all that the chart makes something of.
const allValues = `
repository: {branch: release, credentials: {secretName: fleet-git}}
keyService: {url: "https://keys.example.com:8443", authority: "sha256:` +
	`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
oidc: {secretName: oidc, scopes: [openid, email, offline_access], caSecretName: oidc-ca,
  groups: [fleet-ops, "Payments: on call"], groupsClaim: roles}
forge: {kind: gitea, url: "https://git.example.com", clientID: abc, secretName: forge, caSecretName: forge-ca}
sessions: {idle: 10m, life: 4h}
resources: {limits: {memory: 1Gi}}
ingress: {enabled: true, className: nginx, tlsSecretName: edge-tls}
storage: {persistent: true}
monitoring: {serviceMonitor: {enabled: true}}
networkPolicy:
  pagesFrom: [{namespaceSelector: {matchLabels: {name: ingress}}}]
  egress: {to: [{ipBlock: {cidr: 10.0.0.0/8}}]}
`

func values(t *testing.T, texts ...string) helm.Values {
	t.Helper()
	all, err := helm.Merged(append([]string{leastValues}, texts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rendered are the chart's objects.
func rendered(t *testing.T, texts ...string) map[string]string {
	t.Helper()
	files, err := helm.Render("bulla-console", "team", values(t, texts...))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func object[T any](t *testing.T, text string) (o T) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return o
}

// TestTheChartsCommandIsTakenByTheProgram: what the chart makes of values goes through the
// program's own flags, and says what they do.
func TestTheChartsCommandIsTakenByTheProgram(t *testing.T) {
	for _, texts := range [][]string{nil, {allValues}} {
		pod := object[appsv1.Deployment](t, rendered(t, texts...)["deployment.yaml"]).Spec.Template.Spec
		args := pod.Containers[0].Args
		parsed := parse(t, args)
		for _, file := range []string{parsed.credentials, parsed.oidc.secretFile, parsed.oidc.caFile,
			parsed.forge.secretFile, parsed.forge.caFile, parsed.tlsCert, parsed.tlsKey, parsed.data} {
			if file != "" && !slices.ContainsFunc(pod.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool {
				return strings.HasPrefix(file+"/", m.MountPath+"/")
			}) {
				t.Errorf("%s is in no volume", file)
			}
		}
		if err := parsed.check(); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		if texts == nil {
			continue
		}
		if parsed.branch != "release" || parsed.forge.kind != "gitea" ||
			parsed.forge.clientID != "abc" || parsed.oidc.scopes != "openid,email,offline_access" ||
			parsed.drafts() != 1<<27 || parsed.oidc.groups != "fleet-ops,Payments: on call" ||
			parsed.oidc.groupsClaim != "roles" ||
			parsed.idle != 10*time.Minute || parsed.life != 4*time.Hour || parsed.credentials == "" ||
			parsed.authority == "" || parsed.forge.secretFile == "" || parsed.oidc.secretFile == "" {
			t.Errorf("%+v", parsed)
		}
	}
}

// parse reads arguments as the program does.
func parse(t *testing.T, args []string) *options {
	t.Helper()
	o := &options{}
	serve := newServeCommand()
	serve.ResetFlags()
	o.bind(serve)
	if args[0] != "serve" {
		t.Fatalf("it runs %q", args[0])
	}
	if err := serve.ParseFlags(args[1:]); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	if err := serve.ValidateRequiredFlags(); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestThePodMayNothing: it has no token of the API server, no right there, no privilege,
// and no file of its image to write.
func TestThePodMayNothing(t *testing.T) {
	files := rendered(t, allValues)
	for name, text := range files {
		for _, kind := range []string{"kind: Role", "kind: ClusterRole", "kind: Secret", "hostPath", "hostNetwork",
			"kind: PodDisruptionBudget"} {
			if strings.Contains(text, kind) {
				t.Errorf("%s has %s", name, kind)
			}
		}
	}
	account := object[corev1.ServiceAccount](t, files["serviceaccount.yaml"])
	if mounts := account.AutomountServiceAccountToken; mounts == nil || *mounts {
		t.Error("the account's token is mounted")
	}
	deployment := object[appsv1.Deployment](t, files["deployment.yaml"])
	pod := deployment.Spec.Template.Spec
	if *pod.AutomountServiceAccountToken || *deployment.Spec.Replicas != 1 || *pod.EnableServiceLinks {
		t.Error("the pod has a token, or the addresses of other services, or there are several")
	}
	for _, volume := range pod.Volumes {
		if volume.Secret == nil && volume.EmptyDir == nil && volume.PersistentVolumeClaim == nil {
			t.Errorf("the volume %s is of another kind", volume.Name)
		}
	}
	for _, c := range pod.Containers {
		s := c.SecurityContext
		if *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !*s.RunAsNonRoot ||
			s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault ||
			!slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
			t.Errorf("%s: %+v", c.Name, s)
		}
		for _, variable := range c.Env {
			if variable.ValueFrom != nil {
				t.Errorf("%s is told %s by its environment", c.Name, variable.Name)
			}
		}
	}
}

// TestTheNetworkPolicyHasOneWayInAndTheNamedWaysOut.
func TestTheNetworkPolicyHasOneWayInAndTheNamedWaysOut(t *testing.T) {
	for _, texts := range [][]string{nil, {allValues}} {
		policy := object[networkingv1.NetworkPolicy](t, rendered(t, texts...)["networkpolicy.yaml"]).Spec
		if !slices.Equal(policy.PolicyTypes, []networkingv1.PolicyType{"Ingress", "Egress"}) ||
			len(policy.Ingress) != 2 || len(policy.Egress) != 2 {
			t.Fatalf("%+v", policy)
		}
		var in, out []string
		for _, rule := range policy.Ingress {
			for _, port := range rule.Ports {
				in = append(in, port.Port.String())
			}
		}
		for _, rule := range policy.Egress {
			for _, port := range rule.Ports {
				out = append(out, port.Port.String())
			}
		}
		if !slices.Equal(in, []string{"pages", "health"}) || !slices.Equal(out, []string{"53", "53", "443", "22", "8443"}) {
			t.Errorf("in by %v, out by %v", in, out)
		}
		if texts != nil && (len(policy.Ingress[0].From) != 1 || len(policy.Egress[1].To) != 1) {
			t.Errorf("peers are left out: %+v", policy)
		}
	}
}

// TestTheChartRefusesWhatCannotServe: before anything is installed, and says where.
func TestTheChartRefusesWhatCannotServe(t *testing.T) {
	for _, test := range []struct{ name, values, names string }{
		{"no address", `url: ""`, "/url"},
		{"an address without TLS", `url: "http://console.example.com"`, "/url"},
		{"an address with a path", `url: "https://example.com/console"`, "/url"},
		{"nobody ends TLS", `tls: {secretName: ""}`, "who ends TLS?"},
		{"an ingress without a certificate", "ingress: {enabled: true}", "ingress.tlsSecretName"},
		{"a root key that is none", "rootKey: acme", "/rootKey"},
		{"a password in an address", `repository: {url: "https://user:hunter2@git.example.com/x"}`, "/repository/url"},
		{"an issuer without TLS", `oidc: {issuer: "http://login.example.com"}`, "/oidc/issuer"},
		{"no client", `oidc: {clientID: ""}`, "/oidc/clientID"},
		{"a sign-in without OpenID", "oidc: {scopes: [email]}", "/oidc/scopes"},
		{"a secret as a value", "oidc: {clientSecret: hunter2}", "clientSecret"},
		{"a key service that nobody knows by", `keyService: {url: "https://keys.example.com"}`, "stand together"},
		{"a forge that there is not", "forge: {kind: svn}", "/forge/kind"},
		{"a forge without a kind", `forge: {url: "https://git.example.com"}`, "forge.kind"},
		{"a forge that is nowhere", "forge: {kind: gitea}", "forge.url"},
		{"a client's secret without the client", "forge: {kind: github, secretName: s}", "forge.clientID"},
		{"several", "replicas: 2", "replicas"},
		{"a session of more than a day", "sessions: {life: 30h}", "/sessions/life"},
		{"a session of no time", "sessions: {idle: 0m}", "/sessions/idle"},
		{"a session of seconds", "sessions: {idle: 30s}", "/sessions/idle"},
		{"a session of days", "sessions: {life: 1441m}", "/sessions/life"},
		{"a branch with a space", `repository: {branch: "my branch"}`, "/repository/branch"},
		{"a branch that is a flag", `repository: {branch: "-x"}`, "/repository/branch"},
		{"a branch that climbs", `repository: {branch: "a/../b"}`, "/repository/branch"},
		{"a group of two", `oidc: {groups: ["a,b"]}`, "/oidc/groups"},
		{"a group of nobody", `oidc: {groups: [""]}`, "/oidc/groups"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := helm.Render("bulla-console", "team", values(t, test.values))
			if err == nil || !strings.Contains(err.Error(), test.names) {
				t.Errorf("%v, want a refusal that names %s", err, test.names)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is repeated: %v", err)
			}
		})
	}
}

{{- define "bulla.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "bulla.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "bulla.labels" -}}
{{ include "bulla.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "bulla.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "bulla.host" -}}
{{- (urlParse .Values.url).hostname -}}
{{- end -}}

{{/* The whole command. Nothing in it is a secret: those are files. */}}
{{- define "bulla.arguments" -}}
- serve
- --url={{ .Values.url }}
- --listen=:{{ .Values.ports.pages }}
- --metrics-listen=:{{ .Values.ports.health }}
- --data=/bulla/data/console
- --root-key={{ .Values.rootKey }}
- --repository={{ .Values.repository.url }}
{{- with .Values.repository.branch }}
- --branch={{ . }}
{{- end }}
{{- if .Values.repository.credentials.secretName }}
- --git-credentials=/bulla/secrets/git
{{- end }}
{{- with .Values.keyService }}{{ if .url }}
- --key-service={{ .url }}
- --key-service-authority={{ .authority }}
{{- end }}{{ end }}
{{- with .Values.oidc }}
- --oidc-issuer={{ .issuer }}
- --oidc-client-id={{ .clientID }}
- --oidc-scopes={{ join "," .scopes }}
- --oidc-groups-claim={{ .groupsClaim }}
{{- with .groups }}
- {{ printf "--oidc-groups=%s" (join "," .) | quote }}
{{- end }}
{{- if .secretName }}
- --oidc-client-secret-file=/bulla/secrets/oidc/clientSecret
{{- end }}
{{- if .caSecretName }}
- --oidc-ca=/bulla/secrets/oidc-ca/caFile
{{- end }}
{{- end }}
{{- with .Values.forge }}{{ if .kind }}
- --forge={{ .kind }}
{{- with .url }}
- --forge-url={{ . }}
{{- end }}
{{- with .clientID }}
- --forge-client-id={{ . }}
{{- end }}
{{- if .secretName }}
- --forge-client-secret-file=/bulla/secrets/forge/clientSecret
{{- end }}
{{- if .caSecretName }}
- --forge-ca=/bulla/secrets/forge-ca/caFile
{{- end }}
{{- end }}{{ end }}
{{- with (.Values.resources.limits | default dict).memory }}
- --memory={{ . }}
{{- end }}
- --session-idle={{ .Values.sessions.idle }}
- --session-life={{ .Values.sessions.life }}
{{- if .Values.tls.secretName }}
- --tls-cert=/bulla/secrets/tls/tls.crt
- --tls-key=/bulla/secrets/tls/tls.key
{{- end }}
{{- end -}}

{{/* The Secrets that are mounted, as name of the volume to name of the Secret. */}}
{{- define "bulla.secrets" -}}
{{- $all := dict "git" .Values.repository.credentials.secretName "oidc" .Values.oidc.secretName "oidc-ca" .Values.oidc.caSecretName "forge" .Values.forge.secretName "forge-ca" .Values.forge.caSecretName "tls" .Values.tls.secretName -}}
{{- range $volume, $secret := $all }}{{ if $secret }}
{{ $volume }}: {{ $secret }}
{{- end }}{{ end }}
{{- end -}}

{{/* What values cannot say together. A schema would say which rule, and not why. */}}
{{- define "bulla.check" -}}
{{- with .Values.tls }}
{{- if not (or .secretName .elsewhere $.Values.ingress.enabled) }}
{{- fail "tls: who ends TLS? tls.secretName, ingress.enabled, or tls.elsewhere: true: without TLS sessions could be stolen on the way" }}
{{- end }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.tlsSecretName) }}
{{- fail "ingress.tlsSecretName: it has the certificate of the host in url" }}
{{- end }}
{{- if ne (empty .Values.keyService.url) (empty .Values.keyService.authority) }}
{{- fail "keyService: url and authority stand together: without the second, people's tokens would go to whoever answers" }}
{{- end }}
{{- with .Values.forge }}
{{- if and (not .kind) (or .url .clientID .secretName .caSecretName) }}
{{- fail "forge.kind: github, gitlab, gitea or forgejo" }}
{{- end }}
{{- if and .secretName (not .clientID) }}
{{- fail "forge.clientID: the forge shows it beside the client's secret" }}
{{- end }}
{{- if and (has .kind (list "gitea" "forgejo")) (not .url) }}
{{- fail "forge.url: where is it? https://git.example.com" }}
{{- end }}
{{- end }}
{{- end -}}

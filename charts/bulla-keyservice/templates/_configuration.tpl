{{/* keyservice.yaml. Paths are relative to it, so that it holds wherever it is mounted. */}}
{{- define "bulla.configuration" -}}
{{- $values := .Values -}}
fleet: {{ .Values.fleet | toJson }}
rootKey: {{ .Values.rootKey | toJson }}
{{- with .Values.rootInServiceToken }}
rootInServiceToken: {{ . | toJson }}
{{- end }}
repository:
  {{- with .Values.repository }}
  url: {{ .url | toJson }}
  ref: {{ .ref | toJson }}
  {{- with .tag }}
  tag: {{ . | toJson }}
  {{- end }}
  {{- with .semver }}
  semver: {{ . | toJson }}
  {{- end }}
  interval: {{ .interval | toJson }}
  maxAge: {{ .maxAge | toJson }}
  refusedGrace: {{ .refusedGrace | toJson }}
  {{- if .credentials.secretName }}
  {{- if eq .credentials.type "ssh" }}
  sshKeyFile: ../secrets/git/identity
  knownHostsFile: ../secrets/git/known_hosts
  {{- else }}
  usernameFile: ../secrets/git/username
  passwordFile: ../secrets/git/password
  {{- end }}
  {{- end }}
  {{- if .caSecretName }}
  caFile: ../secrets/git-ca/caFile
  {{- end }}
  {{- end }}
token:
  {{- with .Values.token }}
  {{- range $field := list "uri" "module" "label" }}
  {{- with get $values.token $field }}
  {{ $field }}: {{ . | toJson }}
  {{- end }}
  {{- end }}
  pinFile: ../secrets/pin/pin
  sessions: {{ .sessions }}
  deadline: {{ .deadline | toJson }}
  {{- end }}
listen: {{ printf "%s:%d" .Values.bindAddress (int .Values.ports.clusters) | toJson }}
serverNames: {{ .Values.serverNames | toJson }}
{{- $name := first .Values.serverNames }}
{{- if contains ":" $name }}{{ $name = printf "[%s]" $name }}{{ end }}
url: {{ .Values.url | default (printf "https://%s:%d" $name (int .Values.service.port)) | toJson }}
health: {{ printf "%s:%d" .Values.bindAddress (int .Values.ports.health) | toJson }}
dataDir: ../data
{{- if .Values.database.secretName }}
database: {urlFile: ../secrets/database/url}
{{- else }}
store: {{ printf "../data/%s" .Values.database.file | toJson }}
{{- end }}
drain: {{ .Values.drain | toJson }}
certificateTTL: {{ .Values.certificateTTL | toJson }}
reportAfterRemoval: {{ .Values.reportAfterRemoval | toJson }}
{{- with .Values.renewal }}
{{- if .enabled }}
renewal:
  listen: {{ printf "%s:%d" $values.bindAddress (int $values.ports.renewal) | toJson }}
  url: {{ .url | default (printf "https://%s:%d" $name (int $values.service.renewalPort)) | toJson }}
  grace: {{ .grace | toJson }}
{{- end }}
{{- end }}
{{- with .Values.receiver.hooks }}
receiver:
  listen: {{ printf "%s:%d" $values.bindAddress (int $values.ports.receiver) | toJson }}
  hooks:
    {{- range . }}
    - {name: {{ .name | toJson }}, type: {{ .type | toJson }}, secretFile: {{ printf "../secrets/hooks/%s" .name | toJson }}}
    {{- end }}
{{- end }}
{{- if .Values.notifications.secretName }}
notificationsFile: ../secrets/notify/providers.yaml
{{- end }}
{{- with .Values.limits }}
limits: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.stubs }}
stubs: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.people }}
people: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.oidc }}
{{- if .issuer }}
oidc:
  {{- omit . "caSecretName" | toYaml | nindent 2 }}
  {{- if .caSecretName }}
  caFile: ../secrets/issuer-ca/caFile
  {{- end }}
{{- end }}
{{- end }}
{{- with .Values.signing }}
signing: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

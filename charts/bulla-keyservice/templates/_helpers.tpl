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

{{/* What no container of the pod may have more of. */}}
{{- define "bulla.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* The vendor's files, for every container that loads or speaks for its library. */}}
{{- define "bulla.vendorMounts" -}}
{{- if .Values.vendor.image }}
- {name: module, mountPath: /bulla/module}
{{- end }}
{{- if .Values.vendor.config }}
- {name: vendor, mountPath: /bulla/vendor, readOnly: true}
{{- end }}
{{- if .Values.vendor.secretName }}
- {name: vendor-secret, mountPath: /bulla/secrets/vendor, readOnly: true}
{{- end }}
{{- end -}}

{{/* What values cannot say together. A schema would say which rule, and not why. */}}
{{- define "bulla.check" -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.database.secretName) }}
{{- fail "replicas: several share one PostgreSQL, and SQLite has one writer; set database.secretName, or replicas to 1" }}
{{- end }}
{{- if and .Values.token.uri .Values.token.label }}
{{- fail "token.label: token.uri says it too; say it once" }}
{{- end }}
{{- if not (or .Values.token.uri (and .Values.token.module .Values.token.label)) }}
{{- fail "token: the vendor's library and the token's label are needed: token.module and token.label, or token.uri" }}
{{- end }}
{{- if and .Values.vendor.image (not .Values.vendor.files) (not .Values.vendor.command) }}
{{- fail "vendor.files: which files of vendor.image are the library? or vendor.command, which fills /bulla/module" }}
{{- end }}
{{- with .Values.receiver }}
{{- if and .ingress.enabled (not .hooks) }}
{{- fail "receiver.hooks: there are none that receiver.ingress could lead to" }}
{{- end }}
{{- if and .ingress.enabled (not (and .ingress.host .ingress.tlsSecretName)) }}
{{- fail "receiver.ingress: host and tlsSecretName are needed: some forges send the secret itself, so never without TLS" }}
{{- end }}
{{- end }}
{{- end -}}

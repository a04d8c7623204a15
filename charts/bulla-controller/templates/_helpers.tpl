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

{{/* The accounts that placements are applied as, as far as values know them. */}}
{{- define "bulla.accounts" -}}
{{- $names := .Values.rbac.impersonate.serviceAccounts }}
{{- with .Values.defaultServiceAccount }}{{ $names = append $names . }}{{ end }}
{{- range .Values.rbac.tenants }}{{ with .serviceAccount }}{{ $names = append $names . }}{{ end }}{{ end }}
{{- $names | uniq | sortAlpha | toJson }}
{{- end }}

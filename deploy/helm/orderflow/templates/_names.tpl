{{/* Names, labels and the image. `of` is a dict: root, component, workload (the component's values). */}}

{{- define "orderflow.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- end -}}

{{- define "orderflow.name" -}}
{{ include "orderflow.fullname" .root }}-{{ .component }}
{{- end -}}

{{- define "orderflow.instance" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "orderflow.selector" -}}
{{ include "orderflow.instance" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "orderflow.labels" -}}
{{ include "orderflow.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: orderflow
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "orderflow.metadata" -}}
name: {{ include "orderflow.name" . }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "orderflow.labels" . | nindent 2 }}
{{- end -}}

{{- define "orderflow.serviceAccountName" -}}
{{- if .workload.serviceAccount.create -}}
{{- default (include "orderflow.name" .) .workload.serviceAccount.name -}}
{{- else -}}
{{- default "default" .workload.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "orderflow.image" -}}
{{- include "orderflow.imageOf" (dict "root" . "image" .Values.image) -}}
{{- end -}}

{{/* `of` is a dict: root, image (the values of one). */}}
{{- define "orderflow.imageOf" -}}
{{- $repository := .image.repository -}}
{{- with .root.Values.global.imageRegistry }}{{ $repository = printf "%s/%s" . $repository }}{{ end -}}
{{- if .image.digest -}}
{{ $repository }}@{{ .image.digest }}
{{- else -}}
{{ $repository }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- end -}}
{{- end -}}

{{/* A number as people write it; as YAML is read here, a million would become 1e+06. */}}
{{- define "orderflow.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{ int64 . }}
{{- else -}}
{{ . }}
{{- end -}}
{{- end -}}

{{- define "orderflow.topic" -}}
{{ default "" .root.Values.config.topicPrefix }}{{ .topic }}
{{- end -}}

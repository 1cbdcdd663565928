{{/* The way to the database, and the one that the chart runs itself. */}}

{{- define "orderflow.database.env" -}}
{{- if .Values.database.existingSecret }}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.database.existingSecret }}, key: {{ .Values.database.key }}}}
{{- else if .Values.database.bundled.enabled }}
- name: DATABASE_URL
  value: postgresql://orderflow@{{ include "orderflow.name" (dict "root" . "component" "database") }}:5432/orderflow
# The client library reads it, as the URL has none; so it may have any letters.
- name: PGPASSWORD
  valueFrom: {secretKeyRef: {{ include "orderflow.database.password" . }}}
{{- end }}
{{- end -}}

{{/* Secret and key of the password of the bundled database. */}}
{{- define "orderflow.database.password" -}}
{{- with .Values.database.bundled.password -}}
{{- if .existingSecret -}}
{name: {{ .existingSecret }}, key: {{ .key }}}
{{- else -}}
{name: {{ include "orderflow.name" (dict "root" $ "component" "database") }}, key: password}
{{- end -}}
{{- end -}}
{{- end -}}

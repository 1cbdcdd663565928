{{- define "kafka.labels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "kafka.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "kafka.labels" . | nindent 2 }}
{{- end -}}

{{- /* Names of all users, one a line. */}}
{{- define "kafka.users" -}}
kafka-admin
{{- range splitList "\n---\n" .Values.users }}
{{- with fromYaml . }}
{{ .metadata.name }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kafka.pod" -}}
automountServiceAccountToken: {{ default false .token }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "kafka.container" -}}
imagePullPolicy: IfNotPresent
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- /* How a client of ours logs in as who may do everything. */}}
{{- define "kafka.admin.env" -}}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: "orderflow-kafka-bootstrap.{{ .Release.Namespace }}.svc:9093"}
- {name: KAFKA_SECURITY_PROTOCOL, value: SASL_SSL}
- {name: KAFKA_SSL_CA_LOCATION, value: /etc/kafka/ca/ca.crt}
- {name: KAFKA_SASL_USERNAME, value: kafka-admin}
- name: KAFKA_SASL_PASSWORD
  valueFrom: {secretKeyRef: {name: kafka-admin, key: password}}
{{- end -}}

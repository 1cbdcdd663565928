{{/* The way into Kafka: for the services as settings and files, for the operator as spec.kafka. */}}

{{- define "orderflow.kafka.namespace" -}}
{{ default .Release.Namespace .Values.kafka.cluster.namespace }}
{{- end -}}

{{- define "orderflow.kafka.servers" -}}
{{- with .Values.kafka }}
{{- if .bootstrapServers -}}
{{ .bootstrapServers }}
{{- else -}}
{{ required "set kafka.cluster.name (Strimzi) or kafka.bootstrapServers" .cluster.name }}-kafka-bootstrap.{{ include "orderflow.kafka.namespace" $ }}.svc:{{ .cluster.port }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "orderflow.kafka.encrypted" -}}
{{- if or .Values.kafka.tls (eq .Values.kafka.auth.type "Tls") }}true{{ end -}}
{{- end -}}

{{- define "orderflow.kafka.caSecret" -}}
{{- if include "orderflow.kafka.encrypted" . -}}
{{- if or .Values.kafka.caSecret .Values.kafka.bootstrapServers -}}
{{ required "set kafka.caSecret: with kafka.bootstrapServers and kafka.tls there is no other way to know the brokers" .Values.kafka.caSecret }}
{{- else -}}
{{ .Values.kafka.cluster.name }}-cluster-ca-cert
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "orderflow.kafka.protocol" -}}
{{- if eq .Values.kafka.auth.type "ScramSha512" }}SASL_{{ end -}}
{{- if include "orderflow.kafka.encrypted" . }}SSL{{ else }}PLAINTEXT{{ end -}}
{{- end -}}

{{/* Environment of a container; `of` as above. The process reads its files again when they
     change; they lie in whole folders, as a subPath is never refreshed. */}}
{{- define "orderflow.kafka.env" -}}
{{- $auth := .root.Values.kafka.auth -}}
- name: KAFKA_BOOTSTRAP_SERVERS
  value: {{ include "orderflow.kafka.servers" .root | quote }}
- name: KAFKA_SECURITY_PROTOCOL
  value: {{ include "orderflow.kafka.protocol" .root }}
{{- if include "orderflow.kafka.encrypted" .root }}
- name: KAFKA_SSL_CA_LOCATION
  value: /etc/kafka/ca/ca.crt
{{- end }}
{{- if eq $auth.type "ScramSha512" }}
- name: KAFKA_SASL_USERNAME
  value: {{ index $auth.users .component | quote }}
- name: KAFKA_SASL_PASSWORD_FILE
  value: /etc/kafka/user/password
{{- else if eq $auth.type "Tls" }}
- name: KAFKA_SSL_CERTIFICATE_LOCATION
  value: /etc/kafka/user/user.crt
- name: KAFKA_SSL_KEY_LOCATION
  value: /etc/kafka/user/user.key
{{- end }}
{{- end -}}

{{- define "orderflow.kafka.mounts" -}}
{{- if include "orderflow.kafka.encrypted" .root }}
- {name: kafka-ca, mountPath: /etc/kafka/ca, readOnly: true}
{{- end }}
{{- if ne .root.Values.kafka.auth.type "None" }}
- {name: kafka-user, mountPath: /etc/kafka/user, readOnly: true}
{{- end }}
{{- end -}}

{{- define "orderflow.kafka.volumes" -}}
{{- $auth := .root.Values.kafka.auth -}}
{{- if include "orderflow.kafka.encrypted" .root }}
- name: kafka-ca
  secret:
    secretName: {{ include "orderflow.kafka.caSecret" .root }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- if ne $auth.type "None" }}
- name: kafka-user
  secret:
    secretName: {{ index $auth.users .component }}
    items:
      {{- range eq $auth.type "Tls" | ternary (list "user.crt" "user.key") (list "password") }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}
{{- end -}}

{{/* spec.kafka of a TopicSet or StreamWorker. */}}
{{- define "orderflow.kafka.spec" -}}
{{- with .Values.kafka }}
{{- if .bootstrapServers -}}
bootstrapServers: {{ .bootstrapServers | quote }}
{{- else -}}
clusterRef:
  name: {{ .cluster.name }}
  namespace: {{ include "orderflow.kafka.namespace" $ }}
  listener: {{ .cluster.listener }}
{{- end }}
auth:
  type: {{ .auth.type }}
  {{- if ne .auth.type "None" }}
  secretName: {{ .auth.users.operator }}
  {{- end }}
{{- if or .caSecret .bootstrapServers }}
{{- with include "orderflow.kafka.caSecret" $ }}
caSecretName: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What all pods have alike; `of` as in _names.tpl, with `user` where the image names none by number. */}}

{{/* A stopping process finishes its transactions: one that hangs is given up after its timeout, and the
     next may still be begun. The API answers whom it let in, after load balancers have looked away. */}}
{{- define "orderflow.graceSeconds" -}}
{{- $config := mergeOverwrite (dict) .root.Values.config .workload.config -}}
{{- if eq .component "orders" -}}
{{ add 15 (mulf 2 (default 5 $config.apiDeadlineSeconds) | ceil) (default 5 $config.transactionTimeoutSeconds | ceil) }}
{{- else -}}
{{ add 10 (mulf 2 (default 10 $config.transactionTimeoutSeconds) | ceil) }}
{{- end -}}
{{- end -}}

{{- define "orderflow.config.env" -}}
{{- $config := mergeOverwrite (dict) .root.Values.config .workload.config }}
{{- if eq .component "orders" }}
{{- /* It tells the lag of the groups, also of those that have another name. */}}
{{- range $setting, $component := dict "paymentGroup" "payments" "notificationGroup" "notifications" "analyticsGroup" "analytics" }}
{{- with (index $.root.Values $component).config.kafkaGroupId }}{{ $_ := set $config $setting (dig $setting . $config) }}{{ end }}
{{- end }}
{{- end }}
{{- range $name, $value := $config }}
- name: {{ $name | snakecase | upper }}
  value: {{ include "orderflow.text" $value | quote }}
{{- end }}
{{- end -}}

{{/* All variables of a container. What `extraEnv` adds may be none of ours: of two with one name a pod has the
     last, and no upgrade knows which of them to change. */}}
{{- define "orderflow.container.env" -}}
{{- $own := include "orderflow.own.env" . -}}
{{- $own }}
{{- with .root.Values.extraEnv }}
{{- range $one := $own | fromYamlArray }}
{{- range $.root.Values.extraEnv }}
{{- if eq .name $one.name -}}
{{- fail (printf "extraEnv: the chart sets %s itself; docs/settings.md says under which value" .name) -}}
{{- end }}
{{- end }}
{{- end }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "orderflow.own.env" -}}
- name: INSTANCE_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: {{ eq .component "orders" | ternary "HOST" "HEALTH_HOST" }}
  value: "0.0.0.0"
{{- if .root.Values.dev.reload }}
- name: PYTHONPATH
  value: /src
{{- end }}
{{ include "orderflow.kafka.env" . | trim }}
{{ include "orderflow.config.env" . | trim }}
{{- if has .component (list "orders" "analytics") }}
{{ include "orderflow.database.env" .root | trim }}
{{- end }}
{{- with .workload.apiKeys }}
{{- if .secretName }}
- name: API_KEYS
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .key }}}}
{{- end }}
{{- end }}
{{- with .workload.smtp }}
{{- if .secretName }}
- name: SMTP_USERNAME
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .usernameKey }}}}
- name: SMTP_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .passwordKey }}}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "orderflow.pod.metadata" -}}
labels:
  {{- $own := include "orderflow.labels" . | fromYaml }}
  {{- /* A new chart alone is no reason to start pods again. */}}
  {{- mergeOverwrite (deepCopy .root.Values.podLabels) (omit $own "helm.sh/chart") | toYaml | nindent 2 }}
{{- with .root.Values.podAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "orderflow.pod.spec" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- with .user }}
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "orderflow.container.image" -}}
image: {{ include "orderflow.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end -}}

{{- define "orderflow.container.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* What must be there before anything is made, said in a sentence. What the cluster knows is asked of a live
     one only, which is one that `lookup` finds anything in; without it (helm template, GitOps) everything is
     rendered. */}}
{{- define "orderflow.preflight" -}}
{{- if and .Values.database.existingSecret .Values.database.bundled.enabled -}}
{{- fail "there can be one database only: unset database.existingSecret, or set database.bundled.enabled to false" -}}
{{- end -}}
{{- if and .Values.analytics.enabled (not .Values.database.existingSecret) (not .Values.database.bundled.enabled) -}}
{{- fail "analytics needs a PostgreSQL: name the Secret with its URL in database.existingSecret, or set database.bundled.enabled to true for one that the chart runs; without both set analytics.enabled to false" -}}
{{- end -}}
{{- if lookup "apps/v1" "Deployment" .Release.Namespace "" -}}
{{- $scaled := or (and .Values.payments.enabled .Values.payments.scaling.enabled) (and .Values.notifications.enabled .Values.notifications.scaling.enabled) (and .Values.analytics.enabled .Values.analytics.scaling.enabled) -}}
{{- if and (or $scaled .Values.topics.enabled) (not (.Capabilities.APIVersions.Has "orderflow.dev/v1alpha1/StreamWorker")) -}}
{{- fail "the cluster does not know StreamWorker and TopicSet (orderflow.dev/v1alpha1): install the chart orderflow-operator first, or set topics.enabled and the scaling.enabled of payments, notifications and analytics to false" -}}
{{- end -}}
{{- if and (not .Values.kafka.bootstrapServers) (not (.Capabilities.APIVersions.Has "kafka.strimzi.io/v1")) (not (.Capabilities.APIVersions.Has "kafka.strimzi.io/v1beta2")) -}}
{{- fail "the cluster does not know Kafka and KafkaTopic (kafka.strimzi.io): install Strimzi first, or name the brokers of another Kafka in kafka.bootstrapServers" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether the alerts that were asked for can be made. */}}
{{- define "orderflow.alerting" -}}
{{- if and .Values.monitoring.rules.enabled (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PrometheusRule") }}true{{ end -}}
{{- end -}}

{{/* Whether the monitor that was asked for can be made. */}}
{{- define "orderflow.monitored" -}}
{{- if and (ne .Values.monitoring.kind "None") (.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .Values.monitoring.kind)) }}true{{ end -}}
{{- end -}}

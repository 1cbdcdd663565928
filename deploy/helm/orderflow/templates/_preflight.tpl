{{/* What must be there before anything is made, said in a sentence. Asked of a live cluster only, which is
     one that `lookup` finds anything in; without one (helm template, GitOps) everything is rendered. */}}
{{- define "orderflow.preflight" -}}
{{- if lookup "apps/v1" "Deployment" .Release.Namespace "" -}}
{{- $scaled := or (and .Values.payments.enabled .Values.payments.scaling.enabled) (and .Values.notifications.enabled .Values.notifications.scaling.enabled) -}}
{{- if and (or $scaled .Values.topics.enabled) (not (.Capabilities.APIVersions.Has "orderflow.dev/v1alpha1/StreamWorker")) -}}
{{- fail "the cluster does not know StreamWorker and TopicSet (orderflow.dev/v1alpha1): install the chart orderflow-operator first, or set topics.enabled, payments.scaling.enabled and notifications.scaling.enabled to false" -}}
{{- end -}}
{{- if and (not .Values.kafka.bootstrapServers) (not (.Capabilities.APIVersions.Has "kafka.strimzi.io/v1")) (not (.Capabilities.APIVersions.Has "kafka.strimzi.io/v1beta2")) -}}
{{- fail "the cluster does not know Kafka and KafkaTopic (kafka.strimzi.io): install Strimzi first, or name the brokers of another Kafka in kafka.bootstrapServers" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether the monitor that was asked for can be made. */}}
{{- define "orderflow.monitored" -}}
{{- if and (ne .Values.monitoring.kind "None") (.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .Values.monitoring.kind)) }}true{{ end -}}
{{- end -}}

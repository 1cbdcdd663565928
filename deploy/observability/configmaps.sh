#!/bin/sh
# Makes the ConfigMaps that the manifests beside this file mount, of the files as they are shipped:
#   configmaps.sh CONTEXT metrics|logs
set -eu
here=$(dirname "$0")
charts="$here/../helm"

put() {
  name=$1
  shift
  for file in "$@"; do
    # A chart may have no such file.
    [ -e "$file" ] || return 0
  done
  options=$(printf -- '--from-file=%s ' "$@")
  # shellcheck disable=SC2086
  kubectl create configmap "$name" $options --dry-run=client --output yaml |
    kubectl --context "$context" --namespace orderflow-observability apply --server-side --force-conflicts -f -
}

context=$1
kubectl --context "$context" apply -f "$here/namespace.yaml"
case $2 in
  metrics)
    put alerts-services "$charts/orderflow/files/alerts.yaml"
    put alerts-operator "$charts/orderflow-operator/files/alerts.yaml"
    put dashboards-services "$charts"/orderflow/files/dashboards/*.json
    put dashboards-operator "$charts"/orderflow-operator/files/dashboards/*.json
    ;;
  logs)
    put elk-files "$here"/elk/*.json "$here"/elk/*.ndjson
    ;;
esac

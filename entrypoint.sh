#!/bin/sh
# The whole system by one word: on a kind cluster where Docker answers, else as processes on this machine.
set -eu
cd "$(dirname "$0")"

usage() {
    cat <<'HELP'
usage: ./entrypoint.sh --build | --down | --logs

  --build   build and start everything: Kafka, the operator (on a cluster), the three services
  --down    stop everything; on a cluster this removes the cluster
  --logs    follow the logs of all services

Where Docker answers this is a kind cluster (make kind-up, kind-down, kind-logs), elsewhere processes on
this machine (make up, down, logs). README.md tells what to do with it then.
HELP
}

has_docker() {
    command -v docker >/dev/null 2>&1 && docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# run ON_A_CLUSTER ON_THIS_MACHINE: the make target for where we are
run() {
    if has_docker; then exec make "$1"; fi
    exec make "$2"
}

case "${1-}" in
    --build) run kind-up up ;;
    --down) run kind-down down ;;
    --logs) run kind-logs logs ;;
    "" | -h | --help) usage ;;
    *) usage >&2; exit 2 ;;
esac

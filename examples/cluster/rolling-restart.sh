#!/usr/bin/env bash
# Restarts nodes one after the other, without a lost sign-in: ./rolling-restart.sh node-1 node-2 node-3
#
# CONTROL gets `stop NODE` or `start NODE`. For machines with systemd it is a script that runs: ssh "$2" systemctl "$1" sign-in
set -euo pipefail
control=${CONTROL:-docker compose}
url=${ALL_READY:-http://127.0.0.1:8404/all-ready}

# Waits until the balancer answers with this status: 200 if all nodes are ready, 503 if not.
balancer_says() {
  for ((attempt = 0; attempt < 300; attempt++)); do
    [[ $(curl --silent --output /dev/null --write-out '%{http_code}' "$url") == "$1" ]] && return
    sleep 0.2
  done
  echo "The balancer does not answer with $1; no further node is restarted." >&2
  exit 1
}

for node in "$@"; do
  balancer_says 200
  # SIGTERM: the node is not ready from now on, its listeners reconnect to another node, and pages in flight finish.
  $control stop "$node"
  # Otherwise the node could be back before the balancer has noticed, and the next one would stop too early.
  balancer_says 503
  $control start "$node"
  balancer_says 200
  echo "$node has restarted."
done

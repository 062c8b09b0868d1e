#!/bin/sh
# Makes what docker-compose.yml needs and nobody should type: passwords for NATS, and `.env` with whom each program runs as.
# It asks for the Slack webhook. What is there already stays as it is; run it again after you have removed something.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
secrets=$here/secrets
env=$here/../../.env
socket=${SALT_SOCK_DIR:=/var/run/salt/master}/master_event_pub.ipc
jobs=${SALT_CACHE_DIR:=/var/cache/salt/master}/jobs
notifier=${NOTIFIER_USER:-65532:65532}

stop() {
  echo "prepare.sh: $*" >&2
  exit 1
}

# A secret from standard input, for one user alone.
keep() {
  cat >"$secrets/$1.new"
  chmod 0400 "$secrets/$1.new"
  chown "$2" "$secrets/$1.new" || stop "cannot give $1 to $2: run it as root"
  mv "$secrets/$1.new" "$secrets/$1"
}

password() {
  od -An -tx1 -N24 /dev/urandom | tr -d ' \n'
}

[ -S "$socket" ] || stop "$socket is no socket: start the master, or say SALT_SOCK_DIR=its sock_dir"
# Docker would make the directory, empty and root's, and every look-up would find nothing.
[ -d "$jobs" ] || stop "$jobs is no directory: say SALT_CACHE_DIR=the master's cachedir"
collector=$(stat -c %u:%g "$socket")
mkdir -p "$secrets"

if ! [ -e "$secrets/nats-users.conf" ]; then
  for_collector=$(password)
  for_notifier=$(password)
  printf %s "$for_collector" | keep nats-collector "$collector"
  printf %s "$for_notifier" | keep nats-notifier "$notifier"
  keep nats-users.conf "$(id -u):$(id -g)" <<CONF
authorization {
  users: [
    { user: collector, password: "$for_collector" }
    { user: notifier, password: "$for_notifier" }
  ]
}
CONF
fi

if ! [ -e "$secrets/slack-webhook" ]; then
  printf 'URL of the Slack webhook: ' >&2
  read -r webhook || stop "no webhook, no messages"
  printf %s "$webhook" | keep slack-webhook "$notifier"
fi

if ! [ -e "$env" ]; then
  cat >"$env" <<ENV
# Read by docker compose. Where Salt's configuration is not in /etc/salt, that is SALT_CONFIG_DIR.
MASTER_NAME=$(hostname -f 2>/dev/null || hostname)
SALT_USER=$collector
SALT_SOCK_DIR=$SALT_SOCK_DIR
SALT_CACHE_DIR=$SALT_CACHE_DIR
NOTIFIER_USER=$notifier
ENV
fi
echo "ready: docker compose up -d --build --wait"

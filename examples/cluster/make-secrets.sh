#!/usr/bin/env bash
# Writes new secrets into ./secrets, a folder for each service: ./make-secrets.sh sign-in.example
set -euo pipefail
public=${1:?name the host of the service, such as sign-in.example}
cd "$(dirname "${BASH_SOURCE[0]}")"
if [[ -e secrets ]]; then
  echo 'There are secrets already. Move them away first.' >&2
  exit 1
fi
random() { openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n'; }

# Services run as users of their own, who must read the files. Other users of this machine must not enter the folder.
umask 022
made=$(mktemp -d ./secrets.XXXXXX)
ca=$(mktemp -d)
trap 'rm -rf "$ca" "$made"' EXIT
mkdir "$made/node" "$made/redis" "$made/balancer"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=own authority' \
  -keyout "$ca/ca.key" -out "$made/node/ca.pem" 2>/dev/null

# certificate HOST FILE: writes FILE.key, and FILE.pem for the host and for localhost.
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
    -keyout "$2.key" -out "$ca/request" 2>/dev/null
  openssl x509 -req -in "$ca/request" -days 3650 -CA "$made/node/ca.pem" -CAkey "$ca/ca.key" -CAcreateserial -CAserial "$ca/serial" \
    -extfile <(echo "subjectAltName=DNS:$1,DNS:localhost") -out "$2.pem" 2>/dev/null
  # openssl gives keys to their owner only.
  chmod 644 "$2.key"
}
certificate redis "$made/redis/redis"

# Only to try the service: replace it by the certificate of your host, with its chain and its key in one file.
certificate "${public%%:*}" "$ca/sign-in"
cat "$ca/sign-in.pem" "$ca/sign-in.key" >"$made/balancer/sign-in.pem"

password=$(random)
hash=$(printf %s "$password" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
# The default user is off, so nobody is it. It has all rights, because Redis 7.0 replays the transactions of its append-only file
# with them, and drops those without a word.
cat >"$made/redis/users.acl" <<END
user default off ~* &* +@all
user health on nopass -@all +ping
user node on #$hash ~rxoc:* &rxoc:* -@all +eval +evalsha +hget +hmget +hset +hdel +hincrby +del +set +get +pexpire +pexpireat +pttl +time +zadd +zrem +zcard +zscore +zremrangebyscore +spublish +ssubscribe +sunsubscribe +hello +auth +ping
END

cat >"$made/node/node.env" <<END
RX_OAUTH_CALLBACK_PUBLIC_URL=https://$public
RX_OAUTH_CALLBACK_REDIS=rediss://node:$password@redis:6379
NODE_EXTRA_CA_CERTS=/app/secrets/node/ca.pem
END
echo "[{ \"id\": \"1\", \"key\": \"$(random)\" }]" >"$made/node/redis-keys.json"
cat >"$made/node/tokens.json" <<END
[
  { "name": "program", "token": "$(random)", "roles": ["listener"] },
  { "name": "operator", "token": "$(random)", "roles": ["monitor"] }
]
END
mv "$made" secrets
echo 'Wrote secrets. The token of your program is in secrets/node/tokens.json.'

#!/usr/bin/env bash
# Lets the libraries that others verify tokens with verify ours, python-fido2 and webauthn-rs-core judge passkeys, and
# the library of Standard Webhooks what is posted, and prints what each says:
#
#     cargo build && tests/clients/run.sh
#
# Installs them into a temporary directory from the registries of their languages. Needs a network,
# python3 with venv, npm, go, mvn with java, and cargo with OpenSSL's headers; what is missing is left out and named.
# Takes six minutes. It was last run on 2026-11-28; the table is in docs/verifying.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=${GATEPOST:-$here/../../target/debug/gatepost}
dir=$(mktemp -d)
chmod 755 "$dir"
service=
trap '[ -z "$service" ] || kill "$service"; wait; rm -rf "$dir"' EXIT
cd "$dir"

has() { command -v "$1" >/dev/null || { echo "not run: $1 is missing"; return 1; }; }
if has python3; then
    python3 -m venv py
    py/bin/pip install -q "PyJWT[crypto]" joserfc authlib "python-jose[cryptography]" fido2 standardwebhooks
    py/bin/pip list 2>/dev/null | grep -iE '^(pyjwt|joserfc|authlib|python-jose|fido2|standardwebhooks) ' || true
fi
if has npm; then
    mkdir node
    (cd node && npm init -y && npm install jose jsonwebtoken jwks-rsa express express-oauth2-jwt-bearer openid-client \
        @sd-jwt/jwt-status-list) \
        >/dev/null 2>&1
    (cd node && npm ls --depth 0 | tail -n +2)
fi
if has go; then
    mkdir go
    cp "$here/go/main.go" go/
    (cd go && go mod init clients && go mod tidy && go build -o ../go-clients .) >/dev/null 2>&1
    (cd go && grep -E '^\s+github.com/(MicahParks/keyfunc|golang-jwt|lestrrat-go/jwx)' go.mod)
fi
if has mvn; then
    mvn -q dependency:copy -Dartifact=com.nimbusds:nimbus-jose-jwt:10.5 -DoutputDirectory="$dir/java"
    ls java
fi

# What each library says of $TOKEN.
ask() {
    # authlib refuses an issuer without TLS otherwise.
    if [ -d py ]; then AUTHLIB_INSECURE_TRANSPORT=1 py/bin/python -W ignore "$here/clients.py"; fi
    if [ -d node ]; then (cd node && node "$here/clients.mjs"); fi
    if [ -x go-clients ]; then ./go-clients; fi
    if [ -d java ]; then java -cp "java/*" "$here/java/Clients.java"; fi
}

port=18055
json='Content-Type: application/json'
alice='{"login":"alice","password":"correct horse battery"}'
log_in() { curl -sf "$ISSUER/" -H "$json" -d "$alice" | sed 's/.*"access_token":"\([^"]*\).*/\1/'; }

# Starts the program with this algorithm, and registers alice.
start() {
    export GATEPOST_DATABASE_DATA_DIR="$dir/$1" GATEPOST_TOKENS_ALGORITHM=$1 ALGORITHM=${1%-*}
    "$program" serve >"$1.out" 2>"$1.log" &
    service=$!
    until grep -q '^listening' "$1.out" && curl -sf -o /dev/null "$ISSUER/readyz"; do
        kill -0 $service || { cat "$1.log" >&2; exit 1; }
        sleep 0.1
    done
    curl -s -o /dev/null "$ISSUER/user" -H "$json" -d "$alice"
}

stop() {
    kill $service
    wait $service || true
    service=
}

export ISSUER=http://127.0.0.1:$port AUDIENCE=https://api.example.com
export APP_SETTINGS=testing GATEPOST_SERVER_LISTEN=127.0.0.1:$port GATEPOST_TOKENS_ISSUER=$ISSUER \
    GATEPOST_TOKENS_AUDIENCE=$AUDIENCE
for algorithm in EdDSA ES256 RS256 RS256-3072; do
    start $algorithm
    TOKEN=$(log_in)
    export TOKEN
    echo
    echo "== $algorithm, ${#TOKEN} bytes"
    ask
    TOKEN=$(curl -sf "$ISSUER/revocations")
    if taken=$(ask | grep -v '^openid-client' | grep '	ok$'); then
        echo "the list of revocations passes for a token: $taken"
        exit 1
    fi
    echo "the list of revocations: passes nowhere for a token"
    stop
done

if [ -d node ]; then
    export GATEPOST_TOKENS_STATUS_LIST=true
    start ES256
    over=$(log_in)
    good=$(log_in)
    curl -sf -o /dev/null -X POST "$ISSUER/logout" -H "Authorization: Bearer $over"
    # A list is made once a second.
    sleep 2
    echo
    echo "== the Token Status List, ${#good} bytes with the place"
    (cd node && node "$here/status_list.mjs" "$over" "$good")
    stop
fi

if has cargo && has pkg-config && pkg-config --exists openssl; then
    CARGO_TARGET_DIR=$dir/judge cargo build -q --manifest-path "$here/../judges/webauthn/Cargo.toml"
    start ES256
    echo
    echo "== passkeys, webauthn-rs-core"
    judge/debug/gatepost-webauthn-judge "$ISSUER" alice 'correct horse battery'
    stop
fi

if [ -d py ]; then
    start EdDSA
    echo
    echo "== passkeys, python-fido2"
    py/bin/python "$here/passkeys.py" "$ISSUER" alice 'correct horse battery'
    stop
    echo
    echo "== webhooks"
    secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    py/bin/python "$here/webhooks.py" $((port + 1)) $secret listening &
    listener=$!
    until [ -s listening ]; do kill -0 $listener; sleep 0.1; done
    export GATEPOST_EVENTS_WEBHOOK=http://127.0.0.1:$((port + 1))/ GATEPOST_EVENTS_WEBHOOK_SECRET=$secret
    rm -rf "$dir/EdDSA"
    start EdDSA
    for login in bob carol; do
        curl -s -o /dev/null "$ISSUER/user" -H "$json" -d "{\"login\":\"$login\",\"password\":\"correct horse battery\"}"
    done
    wait $listener
    stop
    unset GATEPOST_EVENTS_WEBHOOK GATEPOST_EVENTS_WEBHOOK_SECRET
    export ALGORITHM=Ed25519
    py/bin/python "$here/ed25519.py" >ed25519.out &
    service=$!
    until [ -s ed25519.out ]; do kill -0 $service; sleep 0.1; done
    TOKEN=$(cat ed25519.out)
    echo
    echo "== Ed25519 in place of EdDSA (RFC 9864), which Gatepost does not write"
    ask
fi

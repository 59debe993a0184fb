#!/usr/bin/env bash
# Sends what schemathesis makes up from the description of the API to the program, in both access
# modes, and fails on anything it finds. Needs the built program, schemathesis and curl.
#
#   tests/schemathesis.sh [protected|open]...
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

if ! command -v schemathesis >/dev/null || ! command -v curl >/dev/null; then
    [ -z "${REQUIRE_SCHEMATHESIS:-}" ] || { echo "schemathesis is missing" >&2; exit 1; }
    echo "skipped: there is no schemathesis on this machine"
    exit 0
fi

program=${GATEPOST:-${CARGO_TARGET_DIR:-target}/debug/gatepost}
[ -x "$program" ] || { echo "there is no program at $program: cargo build makes it" >&2; exit 1; }
home=$(mktemp -d)
service=
finish() {
    [ -z "$service" ] || { kill "$service" 2>/dev/null && wait "$service" || true; }
    rm -rf "$home"
}
trap finish EXIT
# The OS user postgres must be able to pass through, when we are root.
chmod 755 "$home"

run() {
    local mode=$1 url key
    # What is made up would soon be refused for its number and not for what it is.
    export APP_SETTINGS=testing GATEPOST_SERVER_LISTEN=127.0.0.1:0 GATEPOST_LIMITS_ENABLED=false \
        GATEPOST_DATABASE_DATA_DIR="$home/$mode" GATEPOST_ACCESS_MODE=$mode
    echo 'a stapler for root' | "$program" user create root --admin >/dev/null 2>&1
    "$program" serve >"$home/$mode.out" 2>"$home/$mode.log" &
    service=$!
    until grep -q '^listening on ' "$home/$mode.out"; do
        kill -0 "$service" || { cat "$home/$mode.log" >&2; exit 1; }
        sleep 0.1
    done
    url=$(sed -n 's/^listening on //p' "$home/$mode.out")
    # The key outlives what the calls end and delete. Only an admin reads the audit log.
    key=$("$program" api-key create schemathesis \
        --scope users:read,users:write,register,introspect,outbox,invite 2>/dev/null)
    ADMIN=$(curl -sf "$url/" -H 'Content-Type: application/json' \
        -d '{"login":"root","password":"a stapler for root"}' |
        sed 's/.*"access_token":"\([^"]*\)".*/\1/')
    export ADMIN
    local excluded=()
    # Open mode asks for no token, which is what these two look for. No other header is required.
    [ "$mode" = protected ] || excluded=(--exclude-checks ignored_auth,missing_required_header)
    echo "access.mode = $mode"
    # From the file: schemathesis leaves out the call that it has read a description from.
    # It keeps what it found where it stands.
    (cd "$home" && schemathesis --config-file "$root/tests/schemathesis.toml" run \
        "$root/src/openapi/openapi.json" --url "$url" \
        --header "Authorization: Bearer $key" --checks all "${excluded[@]}" \
        --seed 1 --max-examples "${EXAMPLES:-50}" --continue-on-failure)
    kill "$service"
    wait "$service"
    service=
}

for mode in "${@:-protected open}"; do
    for mode in $mode; do run "$mode"; done
done

#!/usr/bin/env bash
# A whole Gatepost cluster on one machine's loopback, in one directory: etcd, three PostgreSQLs under
# Patroni, HAProxy, pgbouncer, and two Gateposts behind HAProxy. See README.md beside this file.
#
#     cluster.sh up DIR            makes it, or starts again what was made there
#     cluster.sh status DIR        says what runs, and which PostgreSQL is the primary
#     cluster.sh start DIR NAME    starts one part: etcd, pg1..pg3, haproxy, pgbouncer, gatepost1, gatepost2
#     cluster.sh stop DIR NAME     stops one part
#     cluster.sh down DIR          stops everything; the directory stays
#
# In the environment: CLUSTER_PORT, the first of 60 free ports (25400); GATEPOST and PATRONI, the programs
# (gatepost, patroni).
# Other variables that begin with GATEPOST_ reach both Gateposts, as does APP_SETTINGS (production).
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

fail() { echo "cluster.sh: $*" >&2; exit 1; }
usage() { sed -n '5,13s/^# \{0,4\}//p' "$0" >&2; exit 2; }

[ $# -ge 2 ] || usage
command=$1
dir=$(realpath -m "$2")
port=${CLUSTER_PORT:-25400}
gatepost=${GATEPOST:-gatepost}
patroni=${PATRONI:-patroni}
here=$(dirname "$(realpath "$0")")
. "$here/render.sh"

etcd_port=$port
pg_port() { echo $((port + 10 + ${1#pg})); }
patroni_port() { echo $((port + 20 + ${1#pg})); }
primary_port=$((port + 30))
pgbouncer_port=$((port + 32))
http_port=$((port + 40))
gatepost_port() { echo $((port + 50 + ${1#gatepost})); }

# PostgreSQL and pgbouncer do not run as root.
as_user=()
if [ "$(id -u)" = 0 ]; then
    as_user=(setpriv --reuid postgres --regid postgres --clear-groups)
fi

secret() { cat "$dir/secrets/$1"; }

# A process that has ended may still be there as a zombie.
lives() { kill -0 "$1" 2>/dev/null && ! grep -qs '^State:.Z' "/proc/$1/status"; }
running() { [ -f "$dir/run/$1.pid" ] && lives "$(cat "$dir/run/$1.pid")"; }

# Runs a command in the background with its output in a file of its name.
launch() {
    local name=$1
    shift
    setsid "$@" >>"$dir/log/$name" 2>&1 </dev/null &
    echo $! >"$dir/run/$name.pid"
}

wait_for() {
    local what=$1 seconds=$2
    shift 2
    local end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "$what does not come up; see $dir/log"
        sleep 0.1
    done
    echo "$what: up"
}

answers() { curl -fsS -m 2 "$@"; }

start() {
    local name=$1
    if running "$name"; then
        return
    fi
    case $name in
    etcd)
        launch etcd "${as_user[@]}" etcd --name one --data-dir "$dir/etcd" \
            --listen-client-urls "http://127.0.0.1:$etcd_port" \
            --advertise-client-urls "http://127.0.0.1:$etcd_port" \
            --listen-peer-urls "http://127.0.0.1:$((etcd_port + 1))" \
            --initial-advertise-peer-urls "http://127.0.0.1:$((etcd_port + 1))" \
            --initial-cluster "one=http://127.0.0.1:$((etcd_port + 1))" --logger zap
        ;;
    pg[123])
        # What a primary that was killed left behind is Patroni's to judge, not a stale pid's.
        launch "$name" "${as_user[@]}" "$patroni" "$dir/etc/$name.yml"
        ;;
    haproxy) launch haproxy haproxy -f "$dir/etc/haproxy.cfg" ;;
    pgbouncer) launch pgbouncer "${as_user[@]}" pgbouncer "$dir/etc/pgbouncer.ini" ;;
    gatepost[12])
        launch "$name" env APP_SETTINGS="${APP_SETTINGS:-production}" "GATEPOST_CONFIG=$dir/etc/gatepost.toml" \
            "GATEPOST_SERVER_LISTEN=127.0.0.1:$(gatepost_port "$name")" \
            "GATEPOST_DATABASE_URL_FILE=$dir/secrets/url" \
            "GATEPOST_ENCRYPTION_KEY_FILE=$dir/secrets/encryption" "$gatepost" serve
        ;;
    *) fail "there is no part named $name" ;;
    esac
}

stop() {
    local name=$1 pid
    running "$name" || return 0
    pid=$(cat "$dir/run/$name.pid")
    # A part that is frozen hears nothing else.
    kill -TERM "$pid"
    kill -CONT "$pid" 2>/dev/null || true
    for _ in $(seq 300); do
        lives "$pid" || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$dir/run/$name.pid"
}

make() {
    for needed in etcd "$patroni" haproxy pgbouncer curl psql openssl "$gatepost"; do
        command -v "$needed" >/dev/null || fail "needs $needed (on Debian: apt install etcd-server patroni haproxy pgbouncer postgresql curl)"
    done
    bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1) || true
    [ -n "$bin" ] || bin=$(dirname "$(command -v initdb)") || fail "needs PostgreSQL's server"
    mkdir -p "$dir"/{etc,log,run,secrets}
    chmod 755 "$dir" "$dir/etc" "$dir/run"
    chmod 700 "$dir/secrets"
    local name
    for name in superuser replication owner app encryption; do
        [ -s "$dir/secrets/$name" ] || (umask 077 && openssl rand -hex 24 >"$dir/secrets/$name")
    done
    local superuser replication app
    superuser=$(secret superuser) replication=$(secret replication) app=$(secret app)
    (
        umask 077
        echo "postgres://gatepost_app:$app@127.0.0.1:$pgbouncer_port/gatepost" >"$dir/secrets/url"
        echo "postgres://gatepost_owner:$(secret owner)@127.0.0.1:$primary_port/gatepost" >"$dir/secrets/owner-url"
    )
    local address=127.0.0.1 host1=127.0.0.1 host2=127.0.0.1 host3=127.0.0.1
    local pg_port patroni_port etcd_hosts=127.0.0.1:$etcd_port home run
    for name in pg1 pg2 pg3; do
        mkdir -p "$dir/$name"
        chmod 700 "$dir/$name"
        pg_port=$(pg_port $name) patroni_port=$(patroni_port $name) home=$dir/$name run=$dir/$name
        render patroni.yml "$dir/etc/$name.yml" name home run bin address host1 host2 host3 pg_port patroni_port \
            etcd_hosts superuser replication
    done
    [ "${#as_user[@]}" = 0 ] || chown -R postgres: "$dir"/pg[123]
    mkdir -p "$dir/etcd"
    chmod 700 "$dir/etcd"
    [ "${#as_user[@]}" = 0 ] || chown postgres: "$dir/etcd" "$dir/run"
    local pg1 pg2 pg3 patroni1 patroni2 patroni3 gatepost1 gatepost2
    pg1=$(pg_port 1) pg2=$(pg_port 2) pg3=$(pg_port 3)
    patroni1=$(patroni_port 1) patroni2=$(patroni_port 2) patroni3=$(patroni_port 3)
    gatepost1=$(gatepost_port 1) gatepost2=$(gatepost_port 2)
    render haproxy.cfg "$dir/etc/haproxy.cfg" address host1 host2 host3 primary_port http_port pg1 pg2 pg3 \
        patroni1 patroni2 patroni3 gatepost1 gatepost2
    local userlist=$dir/etc/userlist.txt
    render pgbouncer.ini "$dir/etc/pgbouncer.ini" userlist primary_port pgbouncer_port app
    render userlist.txt "$dir/etc/userlist.txt" app
    cp "$here/gatepost.toml" "$dir/etc/gatepost.toml"
}

leader() { answers "http://127.0.0.1:$1/primary"; }
any_leader() { leader "$(patroni_port 1)" || leader "$(patroni_port 2)" || leader "$(patroni_port 3)"; }
replicas() { [ "$(answers "http://127.0.0.1:$(patroni_port 1)/cluster" | grep -o '"state": "\(streaming\|running\)"' | wc -l)" -ge 3 ]; }
sync_standby() { answers "http://127.0.0.1:$(patroni_port 1)/sync" || answers "http://127.0.0.1:$(patroni_port 2)/sync" || answers "http://127.0.0.1:$(patroni_port 3)/sync"; }

# Until its first checks are done, HAProxy takes all three for the primary.
only_the_primary() {
    for _ in 1 2 3 4 5 6; do
        [ "$(PGPASSWORD=$(secret superuser) psql -h 127.0.0.1 -p "$primary_port" -U postgres -qAtc 'SELECT pg_is_in_recovery()' postgres)" = f ] || return 1
    done
}

up() {
    make
    start etcd
    wait_for etcd 30 answers "http://127.0.0.1:$etcd_port/health"
    start pg1
    start pg2
    start pg3
    wait_for "a primary" 90 any_leader
    wait_for "two standbys" 90 replicas
    wait_for "a synchronous standby" 60 sync_standby
    start haproxy
    wait_for "HAProxy's way to the primary" 30 only_the_primary
    PGPASSWORD=$(secret superuser) "$gatepost" database create \
        --admin-url "postgres://postgres@127.0.0.1:$primary_port/postgres" \
        --owner-password-file "$dir/secrets/owner" --app-password-file "$dir/secrets/app"
    GATEPOST_DATABASE_URL="host=127.0.0.1 port=$primary_port user=gatepost_app" \
        GATEPOST_DATABASE_OWNER_URL_FILE="$dir/secrets/owner-url" APP_SETTINGS=development \
        "$gatepost" database migrate
    start pgbouncer
    start gatepost1
    start gatepost2
    wait_for "gatepost1" 30 answers "http://127.0.0.1:$(gatepost_port 1)/readyz"
    wait_for "gatepost2" 30 answers "http://127.0.0.1:$(gatepost_port 2)/readyz"
    wait_for "HAProxy's way to Gatepost" 30 answers "http://127.0.0.1:$http_port/readyz"
    echo "Gatepost answers at http://127.0.0.1:$http_port"
}

parts="gatepost2 gatepost1 pgbouncer haproxy pg3 pg2 pg1 etcd"

case $command in
up) up ;;
down)
    for name in $parts; do
        stop "$name"
        echo "$name: down"
    done
    ;;
status)
    for name in $parts; do
        if running "$name"; then state=up; else state=down; fi
        case $name in pg?) leader "$(patroni_port $name)" >/dev/null 2>&1 && state="up, the primary" ;; esac
        echo "$name: $state"
    done
    ;;
start) start "${3:?a name}" ;;
stop) stop "${3:?a name}" ;;
*) usage ;;
esac

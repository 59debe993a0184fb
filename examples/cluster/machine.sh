#!/usr/bin/env bash
# The same cluster on three machines: writes the files of one of them. See docs/production.md.
#
#     machine.sh secrets DIR                  makes the passwords and the key, once for all three
#     machine.sh files DIR N HOST1 HOST2 HOST3    writes the files of machine N, whose address is HOSTn, to /etc
#
# The addresses are IP addresses. Run the second one as root, on each machine, with the same secrets.
set -euo pipefail

fail() { echo "machine.sh: $*" >&2; exit 1; }
usage() { sed -n '4,7s/^# \{0,4\}//p' "$0" >&2; exit 2; }

here=$(dirname "$(realpath "$0")")
. "$here/render.sh"

secrets() {
    (umask 077 && mkdir -p "$1")
    local name
    for name in superuser replication owner app encryption; do
        [ -s "$1/$name" ] || (umask 077 && openssl rand -hex 24 >"$1/$name")
    done
}

files() {
    local secrets=$1 number=$2 host1=$3 host2=$4 host3=$5
    local address=$((number + 2))
    address=${!address}
    [ -s "$secrets/superuser" ] || fail "$secrets holds no secrets; make them with: machine.sh secrets $secrets"
    local superuser replication app bin
    superuser=$(cat "$secrets/superuser") replication=$(cat "$secrets/replication") app=$(cat "$secrets/app")
    bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

    cat >/etc/default/etcd <<END
ETCD_NAME=machine$number
ETCD_DATA_DIR=/var/lib/etcd/gatepost
ETCD_LISTEN_CLIENT_URLS=http://$address:2379
ETCD_ADVERTISE_CLIENT_URLS=http://$address:2379
ETCD_LISTEN_PEER_URLS=http://$address:2380
ETCD_INITIAL_ADVERTISE_PEER_URLS=http://$address:2380
ETCD_INITIAL_CLUSTER=machine1=http://$host1:2380,machine2=http://$host2:2380,machine3=http://$host3:2380
ETCD_INITIAL_CLUSTER_TOKEN=gatepost
END

    local name=pg$number home=/var/lib/postgresql/gatepost run=/var/run/postgresql
    local pg_port=5432 patroni_port=8008 etcd_hosts=$host1:2379,$host2:2379,$host3:2379
    install -d -o postgres -g postgres -m 700 "$home"
    render patroni.yml /etc/patroni/config.yml name home run bin address host1 host2 host3 pg_port patroni_port \
        etcd_hosts superuser replication

    local primary_port=5430 http_port=8000 pgbouncer_port=6432
    local pg1=5432 pg2=5432 pg3=5432 patroni1=8008 patroni2=8008 patroni3=8008 gatepost1=8080 gatepost2=8080
    render haproxy.cfg /etc/haproxy/haproxy.cfg address host1 host2 host3 primary_port http_port pg1 pg2 pg3 \
        patroni1 patroni2 patroni3 gatepost1 gatepost2
    echo "    server gatepost3 $host3:8080 check" >>/etc/haproxy/haproxy.cfg

    local userlist=/etc/pgbouncer/userlist.txt
    render pgbouncer.ini /etc/pgbouncer/pgbouncer.ini userlist primary_port pgbouncer_port app
    render userlist.txt "$userlist" app

    # Gatepost, for whom the package made the user and the directory.
    install -o gatepost -g gatepost -m 600 "$secrets/encryption" /etc/gatepost/encryption-key
    (umask 077 && printf 'postgres://gatepost_app:%s@127.0.0.1:6432/gatepost\n' "$app" >/etc/gatepost/database-url)
    chown gatepost: /etc/gatepost/database-url
    cat >/etc/gatepost/environment <<END
GATEPOST_SERVER_LISTEN=$address:8080
GATEPOST_SERVER_TRUSTED_PROXIES=["$host1", "$host2", "$host3"]
GATEPOST_DATABASE_PRIVATE=false
GATEPOST_DATABASE_URL_FILE=/etc/gatepost/database-url
END
}

case ${1:-} in
secrets) secrets "${2:?a directory}" ;;
files)
    [ $# = 6 ] || usage
    case $3 in 1 | 2 | 3) files "${@:2}" ;; *) usage ;; esac
    ;;
*) usage ;;
esac

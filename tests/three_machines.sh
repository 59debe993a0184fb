#!/usr/bin/env bash
# The commands of "On three machines" in examples/cluster/README.md, as they are written, on three machines:
#
#     tests/three_machines.sh PROGRAM
#
# Makes a Debian root with debootstrap (kept in ROOT for the next time, some 700 MB) and boots it three times with
# systemd-nspawn, in a network of their own. Then one machine is killed, and the others must go on. PROGRAM is a
# gatepost that runs on Debian 13; the rest of its package is put in place by hand. Needs root, a network, debootstrap
# and systemd-nspawn. Takes some three minutes. It was last run on 2026-11-27.
set -euo pipefail

program=$(realpath "${1:?the program is missing: tests/three_machines.sh PROGRAM}")
root=${ROOT:-/var/tmp/gatepost-cluster-root}
here=$(cd "$(dirname "$0")/.." && pwd)

if ! [ -e "$root/usr/bin/patroni" ]; then
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,curl,sudo,openssl,procps,iproute2,etcd-server,patroni,python3-etcd,haproxy,pgbouncer,postgresql \
        trixie "$root"
fi

# What the package of Gatepost brings.
install -D "$program" "$root/usr/bin/gatepost"
install -D -m 644 "$here/packaging/systemd/gatepost.service" "$root/usr/lib/systemd/system/gatepost.service"
install -D -m 644 "$here/packaging/systemd/gatepost.sysusers" "$root/usr/lib/sysusers.d/gatepost.conf"
install -D -m 644 "$here/packaging/systemd/gatepost.tmpfiles" "$root/usr/lib/tmpfiles.d/gatepost.conf"
install -D -m 644 "$here/packaging/gatepost.toml" "$root/etc/gatepost/gatepost.toml"
mkdir -p "$root/usr/share/gatepost/cluster"
cp "$here"/examples/cluster/* "$root/usr/share/gatepost/cluster/"

run=$(mktemp -d)
bridge=gpbr$$
ip link add "$bridge" type bridge
ip addr add 10.0.0.254/24 dev "$bridge"
ip link set "$bridge" up
machines=()
cleanup() {
    kill -TERM "${machines[@]}" 2>/dev/null || true
    wait "${machines[@]}" 2>/dev/null || true
    ip link delete "$bridge" 2>/dev/null || true
    for n in 1 2 3; do umount "$run/$n/root" 2>/dev/null || true; done
    [ -z "${KEEP:-}" ] || cp "$run"/console* /tmp/
    rm -rf "$run"
}
trap cleanup EXIT

for n in 1 2 3; do
    mkdir -p "$run/$n"/{root,upper,work}
    mount -t overlay -o "lowerdir=$root,upperdir=$run/$n/upper,workdir=$run/$n/work" gatepost "$run/$n/root"
    systemd-nspawn -q -D "$run/$n/root" --machine="machine$n" --keep-unit --register=no --boot \
        --network-bridge="$bridge" >"$run/console$n" 2>&1 &
    machines+=($!)
done
inside() {
    local leader
    leader=$(pgrep -P "${machines[$(($1 - 1))]}" | head -n 1)
    shift
    nsenter -t "$leader" -m -u -i -n -p -r -w /usr/bin/env -i HOME=/root DEBIAN_FRONTEND=noninteractive \
        LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
for n in 1 2 3; do
    # Degraded will do: some of what is installed does not start without its files.
    for _ in $(seq 20); do
        inside "$n" systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && break
        sleep 1
    done
    inside "$n" ip addr add "10.0.0.$n/24" dev host0
    inside "$n" ip link set host0 up
    inside "$n" systemd-sysusers
    inside "$n" systemd-tmpfiles --create >/dev/null 2>&1 || true
done

# The commands, by the words before each block, a file a block.
python3 - "$here/examples/cluster/README.md" "$run" <<'PYTHON'
import re, sys
text = open(sys.argv[1]).read().split("## On three machines")[1]
blocks = re.findall(r"<!-- (on \w+) -->\n\n((?:    .*\n)+)", text)
for number, (where, block) in enumerate(blocks):
    lines = [line[6:] for line in block.split("\n") if line.startswith("    $ ")]
    open(f"{sys.argv[2]}/{number}-{where.split()[1]}", "w").write("\n".join(lines) + "\n")
PYTHON

for block in "$run"/[0-9]-*; do
    sed 's/^/== /' "$block"
    # The packages are in the root already.
    script="set -eu; sudo() { \"\$@\"; }; $(grep -v 'apt-get install' "$block")"
    case $block in
    *-one)
        for _ in $(seq 90); do
            case $script in *'database create'*)
                inside 1 patronictl -c /etc/patroni/config.yml list 2>/dev/null | grep -q 'Sync Standby' || { sleep 1; continue; } ;;
            esac
            break
        done
        inside 1 sh -c "$script"
        case $script in *secrets*) if [ -z "${copied:-}" ]; then
            copied=1
            for n in 2 3; do
                inside 1 tar -C /root -c secrets | inside "$n" tar -C /root -x
            done
        fi ;; esac
        ;;
    *-each)
        waiting=()
        for n in 1 2 3; do
            # The number of the machine, and its own address where only one is named.
            own=$(echo "$script" | sed "s,secrets 1 10,secrets $n 10,; s,http://10.0.0.1:,http://10.0.0.$n:,")
            inside "$n" sh -c "$own" &
            waiting+=($!)
        done
        for job in "${waiting[@]}"; do wait "$job"; done
        ;;
    esac
done

json='Content-Type: application/json'
register() { curl -s -m 10 -o /dev/null -w '%{http_code}' "http://10.0.0.$1:8000/user" -H "$json" -d "{\"login\":\"$2\",\"password\":\"a long password\"}"; }
[ "$(register 1 before)" = 201 ] || { echo "FAILED: no user can be registered" >&2; inside 1 journalctl -u gatepost -n 20 -o cat >&2; exit 1; }
for n in 1 2 3; do
    inside "$n" curl -fs "http://10.0.0.$n:8008/primary" >/dev/null && primary=$n
done
echo "machine $primary has the primary; it is killed"
pkill -KILL -P "${machines[$((primary - 1))]}"
other=$((primary % 3 + 1))
begun=$SECONDS
until [ "$(register $other after)" = 201 ]; do
    [ $((SECONDS - begun)) -lt 90 ] || { echo "FAILED: nobody takes over" >&2; exit 1; }
    sleep 0.5
done
echo "another took over after $((SECONDS - begun)) s"
[ "$(register $other before)" = 400 ] || { echo "FAILED: the user of before is lost" >&2; exit 1; }
echo "all as it should be"

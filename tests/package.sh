#!/usr/bin/env bash
# The life of the Debian package under a real systemd, and docs/production.md as it is written:
#
#     tests/package.sh gatepost_0.1.0-1_amd64.deb
#
# Makes a Debian root with debootstrap (kept in ROOT for the next time, some 300 MB), boots it with
# systemd-nspawn, and installs, uses, upgrades, removes, installs again and purges the package there.
# Needs root, a network, debootstrap and systemd-nspawn (Debian: debootstrap, systemd-container).
# Takes some five minutes. It was last run on 2026-11-26.
set -euo pipefail

deb=$(realpath "${1:?the package is missing: tests/package.sh FILE.deb}")
root=${ROOT:-/var/tmp/gatepost-package-root}
here=$(cd "$(dirname "$0")/.." && pwd)

if ! [ -e "$root/usr/bin/systemctl" ]; then
    debootstrap --variant=minbase \
        --include=systemd,systemd-sysv,dbus,ca-certificates,curl,sudo,openssl,man-db,procps bookworm "$root"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"

# `sudo` looks its own machine up.
echo gatepost-test >"$root/etc/hostname"
grep -q gatepost-test "$root/etc/hosts" 2>/dev/null || echo "127.0.0.1 localhost gatepost-test" >>"$root/etc/hosts"

# A machine of its own name and processes, on the network of this one.
run=$(mktemp -d)
work=$(mktemp -d)
systemd-nspawn -q -D "$root" --keep-unit --register=no --boot --volatile=overlay --hostname=gatepost-test --bind="$work:/work" \
    >"$run/console" 2>&1 &
machine=$!
trap 'kill -TERM $machine 2>/dev/null; wait $machine 2>/dev/null; rm -rf "$run" "$work"' EXIT
inside() {
    local leader
    leader=$(pgrep -P $machine | head -n 1)
    nsenter -t "$leader" -m -u -i -p -r -w /usr/bin/env -i HOME=/root DEBIAN_FRONTEND=noninteractive \
        LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
for _ in $(seq 60); do
    if inside systemctl is-system-running --wait >/dev/null 2>&1; then break; fi
    sleep 1
done
inside apt-get update -q >/dev/null

# The package, and the same as a later revision.
cp "$deb" "$work/"
dpkg-deb -R "$deb" "$run/next"
sed -i 's/^Version: .*/&+1/' "$run/next/DEBIAN/control"
dpkg-deb --root-owner-group -b "$run/next" "$work/next.deb" >/dev/null
(cd "$work" && sha256sum ./*_*.deb >SHA256SUMS)

# Each command of the page. What stands in: the certificate, which no authority gives to a test, and
# that the name leads to this machine.
python3 - "$here/docs/production.md" >"$work/production.sh" <<'PYTHON'
import re, sys
text = open(sys.argv[1]).read()
print("set -eu; cd /work")
print('make_certificate() { d=/etc/letsencrypt/live/auth.example.com; mkdir -p $d; '
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 '
      '-subj /CN=auth.example.com -addext subjectAltName=DNS:auth.example.com '
      '-keyout $d/privkey.pem -out $d/fullchain.pem 2>/dev/null; '
      'cp $d/fullchain.pem /usr/local/share/ca-certificates/test.crt; update-ca-certificates >/dev/null 2>&1; '
      'echo 127.0.0.1 auth.example.com >>/etc/hosts; }')
lines, skip, here = text.split("\n"), False, False
for line in lines:
    if "<!-- stand-in" in line:
        skip = True
    if here:
        print(line[4:])
        here = line != "    END"
    elif line.startswith("    $ "):
        print("make_certificate" if skip else line[6:])
        skip, here = False, "<<'END'" in line
PYTHON

step() { echo "== $1"; }
check() { echo "$2" | grep -qE "$3" || { echo "FAILED: $1: $2" >&2; exit 1; }; echo "$2"; }

step "docs/production.md"
check "production.md" "$(inside bash /work/production.sh 2>&1 | tail -n 3)" '^healthy$'
cat >"$work/life.sh" <<'LIFE'
set -u
cd /
json='Content-Type: application/json'
url=http://127.0.0.1:8080
answer=$(curl -s $url/ -H "$json" -d '{"login":"root","password":"a long password for the first admin"}')
token=$(echo "$answer" | sed 's/.*"access_token":"\([^"]*\).*/\1/')
refresh=$(echo "$answer" | sed 's/.*"refresh_token":"\([^"]*\).*/\1/')
ask() { curl -s -o /dev/null -w '%{http_code}' --max-time 10 "$url/user?id=1" -H "Authorization: Bearer $token"; }
echo "before: $(ask)"
echo "hint: $(cd /tmp && gatepost signing-key list 2>&1 >/dev/null | grep -c APP_SETTINGS)"
(for _ in $(seq 300); do ask; echo; sleep 0.03; done) | sort | uniq -c | xargs >/work/answers &
apt-get install -y /work/next.deb >/work/apt 2>&1 || cat /work/apt
systemctl restart gatepost
wait
echo "answers while it was upgraded: $(cat /work/answers)"
echo "refreshed: $(curl -s -o /dev/null -w '%{http_code}' $url/token -H "$json" -d "{\"refresh_token\":\"$refresh\"}")"
# It asks every 15 s.
for _ in $(seq 40); do
    up=$(curl -s 'http://127.0.0.1:9090/api/v1/query?query=up%7Bjob=%22gatepost%22%7D')
    if echo "$up" | grep -q '"value":.*"1"'; then echo "prometheus: up"; break; fi
    sleep 1
done
apt-get remove -y gatepost >/work/apt 2>&1 || cat /work/apt
echo "removed: $(ask) $(pgrep -c -u gatepost) processes, $(ls /etc/gatepost | xargs)"
apt-get install -y /work/next.deb >/work/apt 2>&1 || cat /work/apt
sleep 3
echo "again: $(systemctl is-active gatepost) $(ask)"
cp /etc/gatepost/gatepost.toml /work/; echo 'nonsense = 1' >>/etc/gatepost/gatepost.toml
systemctl restart gatepost.service 2>/dev/null; code=$?; sleep 8
echo "broken: $code $(systemctl is-failed gatepost) $(journalctl -u gatepost -o cat | grep -c 'nonsense') lines"
cp /work/gatepost.toml /etc/gatepost/; systemctl reset-failed gatepost.service; systemctl start gatepost
mkdir -p /run/systemd/system/gatepost.service.d
printf '[Service]\nWatchdogSec=6\n' >/run/systemd/system/gatepost.service.d/soon.conf
systemctl daemon-reload; systemctl restart gatepost
kill -STOP "$(systemctl show -p MainPID --value gatepost)"; sleep 16
echo "watchdog: $(systemctl show -p NRestarts --value gatepost) restart, $(ask)"
systemctl stop gatepost.socket gatepost
echo "stop: $(journalctl -u gatepost -n 3 -o cat | grep -c -i -E 'error|fail|killed') complaints"
systemd-analyze security gatepost --no-pager 2>/dev/null | tail -n 1
apt-get purge -y gatepost >/work/apt 2>&1 || cat /work/apt
echo "purged: $(ls -d /etc/gatepost /var/lib/gatepost /etc/systemd/system/*/gatepost* 2>/dev/null | wc -l) left, $(find / -xdev -user gatepost 2>/dev/null | wc -l) files"
LIFE
step "life"
life=$(inside bash /work/life.sh 2>&1)
echo "$life"
for expected in 'before: 200' 'hint: 1' 'answers while it was upgraded: 300 200$' 'refreshed: 200' 'prometheus: up' \
    'removed: 000 0 processes, encryption-key gatepost.toml' 'again: active 200' 'broken: 1 failed [1-9]' \
    'watchdog: 1 restart, 200' 'stop: 0 complaints' 'purged: 0 left, 0 files'; do
    check "$expected" "$life" "$expected" >/dev/null
done
echo "the package passed"

#!/bin/sh
# Builds a release from the commit that is checked out: the static binary, the archive, the Debian
# package, a bill of materials, and the checksums of all of them, in the directory OUT.
#
#     packaging/release.sh OUT
#
# The same commit gives the same bytes with the same toolchain, wherever it is built. For another
# architecture set TARGET, and the linker that Cargo is to use; see docs/operations.md.
set -eu

cd "$(dirname "$0")/.."
out=${1:?"the directory to write to is missing: packaging/release.sh OUT"}
mkdir -p "$out"
out=$(cd "$out" && pwd)
target=${TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=gatepost-$version-${target%%-*}-linux

for tool in cargo-deb cargo-cyclonedx; do
    command -v "$tool" >/dev/null || {
        echo "release: $tool is missing: cargo install $tool" >&2
        exit 1
    }
done

# Times are the commit's, and no path of this machine is left in the binary.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cargo_home=${CARGO_HOME:-$HOME/.cargo}
remap="--remap-path-prefix=$PWD=/gatepost --remap-path-prefix=$build=/build --remap-path-prefix=$cargo_home=/cargo"
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$build"
# Paths in what a C compiler makes.
export CFLAGS="-ffile-prefix-map=$PWD=/gatepost -ffile-prefix-map=$build=/build -ffile-prefix-map=$cargo_home=/cargo"

release() {
    RUSTFLAGS="$remap $1" cargo build --release --locked --target "$target"
}

# The archive: static, for any Linux of this architecture, and for the container.
release "-C target-feature=+crt-static"
stage=$build/$name
mkdir -p "$stage"
cp "$build/$target/release/gatepost" README.md CHANGELOG.md SECURITY.md LICENSE-APACHE LICENSE-MIT "$stage"
cp packaging/container/Containerfile packaging/gatepost.toml "$stage"
cp -R docs packaging/completions packaging/man packaging/systemd packaging/prometheus packaging/grafana "$stage"
chmod -R u=rwX,go=rX "$stage"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
    -C "$build" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"

# The package: linked against the system's libraries, whose security updates it then has.
release ""
RUSTFLAGS="$remap" cargo deb --no-build --no-strip --target "$target" --output "$out/"

# What it is made of, without the place where it was built. A random serial number would differ.
bom=gatepost-$version.cdx
cargo cyclonedx --quiet --format json --target "$target" --override-filename "$bom"
sed -e "s,file://$PWD,file:///gatepost,g" -e '/^  "serialNumber":/d' "$bom.json" >"$out/$bom.json"
# One for each member of the workspace.
rm -f "$bom.json" "tests/support/$bom.json"

cd "$out"
sha256sum "$name.tar.gz" ./*.deb "gatepost-$version.cdx.json" | sed 's, \./, ,' >SHA256SUMS
cat SHA256SUMS

# The commands of CONTRIBUTING.md under short names. `just` is not required.

# Lists them.
default:
    @just --list

# The service, in development.
run *ARGUMENTS:
    cargo run -- {{ARGUMENTS}}

# All tests.
test:
    cargo test

# Tests of the library's inside.
unit *FILTER:
    cargo test --lib {{FILTER}}

# End-to-end tests.
e2e *FILTER:
    cargo test --test end_to_end {{FILTER}}

# Whether everything compiles.
check:
    cargo check --all-targets

# Format and lints.
lint:
    cargo fmt
    cargo clippy --all-targets -- -D warnings

# Writes docs/settings.md anew.
settings:
    UPDATE=1 cargo test --lib settings_reference

# Writes the page at /docs anew.
openapi:
    UPDATE=1 cargo test --lib openapi

# What schemathesis finds, in both access modes.
schemathesis *MODES:
    cargo build
    tests/schemathesis.sh {{MODES}}

# One benchmark.
bench NAME *ARGUMENTS:
    cargo bench --bench {{NAME}} {{ARGUMENTS}}

# One fuzz target.
fuzz TARGET *ARGUMENTS:
    cargo +nightly fuzz run {{TARGET}} {{ARGUMENTS}}

# A release in `out`, and the life of its package in a Debian root (as root).
package:
    packaging/release.sh out
    tests/package.sh out/*.deb

# Licences, duplicates and advisories of the dependencies.
deny:
    cargo deny check

# What decides whether a change lands.
gate:
    .ci/run

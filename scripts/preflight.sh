#!/bin/sh
# Says in one line what a build lacks, before anything is downloaded.
set -u
python=${1:-python3}
fail() { echo "set-up: $1" >&2; exit 1; }
newest() { printf '%s\n%s\n' "$1" "$2" | sort -V | tail -n 1; }

command -v "$python" >/dev/null 2>&1 || fail "$python is missing: install Python 3.11 or later (Debian: apt-get install python3 python3-venv)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: ktrdr needs Python 3.11 or later (make PYTHON=/path/to/python3.11)"
"$python" -c 'import venv, ensurepip' 2>/dev/null || fail "Python's venv module is missing (Debian: apt-get install python3-venv)"
command -v cargo >/dev/null 2>&1 || fail "cargo is missing: install Rust from your distribution or with rustup"
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
found=$(rustc --version | cut -d ' ' -f 2)
[ "$(newest "$needed" "$found")" = "$found" ] || fail "rustc $found is too old: ktrdr needs $needed or later (rustup update)"
command -v cc >/dev/null 2>&1 || fail "a C linker is missing (Debian: apt-get install gcc)"
if [ "$(uname -m)" = x86_64 ] && [ -z "${RUSTFLAGS-}" ] && grep -q '^flags' /proc/cpuinfo && ! grep -qw avx2 /proc/cpuinfo; then
    fail "this processor lacks AVX2: export RUSTFLAGS=\"-C target-cpu=x86-64\", and add polars[rtcompat]"
fi

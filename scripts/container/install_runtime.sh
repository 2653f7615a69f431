#!/bin/sh
# Makes the virtual environment VENV and installs the wheel that lies in DIST, with what a worker needs and no more,
# in the locked versions and with PyTorch's CPU build.
set -eu
dist=$1 venv=$2
cd "$(dirname "$0")/../.."
fail() { echo "install_runtime: $1" >&2; exit 1; }

set -- "$dist"/ktrdr-*.whl
[ $# = 1 ] && [ -f "$1" ] || fail "$dist must hold exactly one wheel of ktrdr"
constraints=$(mktemp)
trap 'rm -f "$constraints"' EXIT
sed 's/^torch==.*/&+cpu/' requirements.lock > "$constraints"
torch=$(grep '^torch==' "$constraints")

python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$constraints" "$1[worker]" ||
    fail "nothing was installed; where it was $torch that was not found: put PyTorch's CPU wheel into wheels/, or name its place in PIP_FIND_LINKS"
"$venv/bin/python" -m pip check

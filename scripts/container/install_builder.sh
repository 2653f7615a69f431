#!/bin/sh
# Makes the virtual environment VENV and installs what builds the wheel, in the locked version.
set -eu
venv=$1
cd "$(dirname "$0")/../.."
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$(grep '^maturin==' requirements.lock)"

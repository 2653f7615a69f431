#!/bin/sh
# Builds the wheel into FOLDER, with the maturin and the cargo that are on the path.
set -eu
folder=$1
cd "$(dirname "$0")/../.."
exec maturin build --quiet --release --locked --out "$folder"

#!/usr/bin/env bash
# Makes the picture of the README anew: the report of the demo in a headless Chromium, at most 300 kB.
set -euo pipefail
cd "$(dirname "$0")/.."
picture=$PWD/docs/_static/report.png
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && KTRDR_DATA_DIR=$folder/data ktrdr demo)
# Smooth text and a real pixel ratio make a file too large; 1,200 by 1,400 is what a page of code shows.
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --user-data-dir="$folder/profile" \
    --window-size=1200,1400 --virtual-time-budget=5000 --screenshot="$picture" "file://$(find "$folder" -name report.html)"
size=$(stat -c %s "$picture")
echo "$picture: $size bytes"
test "$size" -le 300000

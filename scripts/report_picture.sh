#!/usr/bin/env bash
# Makes the pictures of README and guide anew, each at most 300 kB: the report of the demo, of a sweep over its bars, and
# of a paper run, in a headless Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
pictures=$PWD/docs/_static
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# Smooth text and a real pixel ratio make a file too large; 1,200 wide is what a page of code shows.
picture() { # NAME PAGE HEIGHT
    local file="$pictures/$1.png" size
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --user-data-dir="$folder/profile" \
        --window-size="1200,$3" --virtual-time-budget=5000 --screenshot="$file" "file://$2" 2> /dev/null
    size=$(stat -c %s "$file")
    echo "$file: $size bytes"
    test "$size" -le 300000
}

KTRDR_DATA_DIR=$folder/data ktrdr demo
report=$(find "$folder" -name report.html)
picture report "$report" 1400

KTRDR_DATA_DIR=$(dirname "$report")
export KTRDR_DATA_DIR
run=(mean_reversion_momentum_v1 EURUSD 1h)
ktrdr sweep "${run[@]}" --start-date 2024-02-01 --end-date 2024-04-30 \
    --grid decisions.confidence_threshold=0.34:0.48:0.02 --grid execution.commission.rate=0,0.00002,0.00005,0.0001,0.0002 \
    --grid execution.exits.stop_loss.rate=0.002,0.005,0.01
ktrdr operations report latest -o sweep.html
picture sweep "$folder/sweep.html" 1300

python - > bars.csv << 'END'
from ktrdr.data.store.repository import Repository
from ktrdr.time import Timeframe

bars = Repository().load("EURUSD", Timeframe.H1).to_frame()
print(bars.tail(1_500).write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ") + "end")
END
ktrdr paper run "${run[@]}" --feed bars.csv --model mean_reversion_momentum_v1/1h_v1 --set metrics.periods_per_year=252
ktrdr operations report latest -o paper.html
picture paper "$folder/paper.html" 1300

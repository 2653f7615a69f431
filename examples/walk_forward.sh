#!/usr/bin/env bash
# A net for each of three folds, trained on the bars before its test. The tests are joined into one record.
set -euo pipefail
export KTRDR_DATA_DIR=${KTRDR_DATA_DIR:-$(mktemp -d)}
ktrdr data list | grep -q EURUSD || ktrdr data sample

ktrdr walk-forward v3_minimal EURUSD 1h --folds 3 --start-date 2024-01-01 --end-date 2024-06-30 \
    --set training.epochs=3 --set training.labels.zigzag_threshold=0.003 --note "three folds"

# Each fold is an operation with a training and backtests below it.
ktrdr operations show latest

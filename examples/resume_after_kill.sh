#!/usr/bin/env bash
# A backtest that is killed without warning, and resumed to the same bits.
set -euo pipefail
export KTRDR_DATA_DIR=${KTRDR_DATA_DIR:-$(mktemp -d)} KTRDR_CHECKPOINT_SECONDS=0.05
ktrdr data list | grep -q EURUSD || ktrdr data sample
ktrdr models list | grep -q v3_minimal || ktrdr train v3_minimal EURUSD 1h --start-date 2024-01-01 --end-date 2024-03-31 \
    --set training.epochs=3 --set training.labels.zigzag_threshold=0.003

arguments=(v3_minimal EURUSD 1h --start-date 2024-04-01 --end-date 2024-12-31)
hash_of() { python -c 'import json, sys; print(json.load(sys.stdin)["result_hash"])'; }

whole=$(ktrdr --json backtest run "${arguments[@]}" | hash_of)

# The second run is killed as soon as it has read its bars: kill -9 gives it no chance to save.
progress=$(mktemp)
trap 'rm -f "$progress"' EXIT
ktrdr backtest run "${arguments[@]}" --note "to be killed" > "$progress" 2>&1 &
victim=$!
until grep -q indicators "$progress"; do sleep 0.05; done
kill -9 $victim
wait $victim 2> /dev/null || true

resumed=$(ktrdr --json operations resume latest | hash_of)
test "$whole" = "$resumed"
echo "killed and resumed: the same result, $resumed"

#!/usr/bin/env bash
# A brief in plain words becomes a strategy file, a net, a backtest on later bars and a verdict. No network is used.
set -euo pipefail
export KTRDR_DATA_DIR=${KTRDR_DATA_DIR:-$(mktemp -d)}
ktrdr data list | grep -q EURUSD || ktrdr data sample

ktrdr research "Fade moves on 1h EURUSD with RSI 14 and Bollinger bands, stop 1 %" -m grammar \
    --start-date 2024-09-01 --end-date 2024-12-31 --note "first brief"

# The verdict with its gates and figures, for a program: its first lines. `head` would not read to the end.
ktrdr --json operations show latest | python -m json.tool | sed -n '1,40p'

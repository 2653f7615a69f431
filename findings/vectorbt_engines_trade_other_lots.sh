#!/usr/bin/env bash
# vectorbt 1.2.0 with vectorbt-rust 1.2.0: the two engines round the same size to different lots. Installing the Rust engine,
# which engine="auto", the default, then takes, changes the trades of a backtest. Of 1,000 orders for 1 to 1,000 whole lots of
# 0.1, Numba fills 845 a lot short, Rust 348, and 497 differ. In lots of 1/8 both fill all of them.
# Output seen, one unit in lots of 0.1, bought and sold: Numba buys 0.9, sells 0.8 and keeps 0.1; Rust and auto trade 1.0.
# Expected by most: the same trades. The package calls its kernels drop-in replacements, Numba the reference, and sends what
# Rust "cannot preserve" to Numba; its documentation of granularity rounds 12.5 shares to exactly 12, and warns of no lot lost.
# Why it matters here: benches/peers runs both engines. With lots, a run is the same on two machines only if both or neither
# have the Rust engine, and under Numba an exit leaves a position, silently. ktrdr counts lots as whole numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" \
    vectorbt==1.2.0 vectorbt-rust==1.2.0 numba==0.68.1 pandas==3.1.1 numpy==2.4.6
export MPLCONFIGDIR=$folder
PYTHONPATH=$folder python3 - <<'PY'
import sys
from importlib.metadata import version

import numpy as np
import pandas as pd
import vectorbt as vbt

assert version("vectorbt") == version("vectorbt-rust") == "1.2.0"
close = pd.Series(100.0, index=pd.date_range("2024-01-01", periods=3, freq="D"))


def one_unit(engine):
    signals = [True, False, False], [False, True, False]
    run = vbt.Portfolio.from_signals(close, *signals, size=1.0, size_granularity=0.1, init_cash=1e3, engine=engine)
    return [round(float(size), 9) for size in (*run.orders.values["size"], run.assets().iloc[-1])]


def short_by(engine, lots_of_a_unit):
    lots = np.arange(1, 1001)
    prices = pd.DataFrame(100.0, index=close.index[:1], columns=range(1000))
    options = {"size": (lots / lots_of_a_unit)[None, :], "size_granularity": 1 / lots_of_a_unit, "init_cash": 1e9}
    orders = vbt.Portfolio.from_orders(prices, engine=engine, **options).orders.values
    filled = np.zeros(1000)
    filled[orders["col"]] = orders["size"] * lots_of_a_unit
    return lots - np.round(filled).astype(int)


units = {engine: one_unit(engine) for engine in ("numba", "rust", "auto")}
numba, rust = (short_by(engine, 10) for engine in ("numba", "rust"))
counts = int((numba == 1).sum()), int((rust == 1).sum()), int((numba != rust).sum())
binary = int(sum(short_by(engine, 8).any() for engine in ("numba", "rust")))
print("bought, sold, kept:", units)
print("a lot short under numba, under rust, differing:", counts, "engines that are short in lots of 1/8:", binary)
trades = units == {"numba": [0.9, 0.8, 0.1], "rust": [1.0, 1.0, 0.0], "auto": [1.0, 1.0, 0.0]}
sys.exit(0 if trades and counts == (845, 348, 497) and binary == 0 else "the engines round alike now, or otherwise")
PY

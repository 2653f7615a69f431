#!/usr/bin/env bash
# akquant 0.3.71: three documented switches of StrategyConfig are read by nothing: exit_on_last_bar and round_fill_price, both on
# by default, and enable_fractional_shares. A run ends with its position open, fills at 100.123 where the tick is 0.01, and
# refuses 10.5 shares, whatever the switches say.
# Output seen: on and off alike: 10 shares held at the end, bought at 100.123; 10.5 shares rejected.
# Expected by most: a switch that is on does what its description says, or a run that sets it is refused.
# Why it matters here: the comparison in benches/peers. Final equity holds an open position where the description says that it
# was sold, and nothing in the result tells. ktrdr refuses every key of a strategy that nothing reads.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" akquant==0.3.71 pandas==3.1.1 numpy==2.4.6
PYTHONPATH=$folder python3 - <<'PY'
import sys
from importlib.metadata import version

import akquant as aq
import pandas as pd

assert version("akquant") == "0.3.71", version("akquant")
index = pd.date_range("2024-01-01", periods=20, freq="5min", tz="UTC")
bars = pd.DataFrame({"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.0, "volume": 1e9}, index=index)


class Once(aq.Strategy):
    def on_start(self):
        self.row = -1

    def on_bar(self, bar):
        self.row += 1
        if self.row in (2, 4):
            self.buy(quantity={2: 10, 4: 10.5}[self.row])


def run(exit_on_last_bar, round_fill_price, enable_fractional_shares):
    money = aq.StrategyConfig(
        slippage={"type": "percent", "value": 0.00123},
        exit_on_last_bar=exit_on_last_bar,
        round_fill_price=round_fill_price,
        enable_fractional_shares=enable_fractional_shares,
    )
    config = aq.BacktestConfig(strategy_config=money)
    found = aq.run_backtest(data=bars, strategy=Once(), symbols="ONE", config=config, show_progress=False, timezone="UTC")
    orders = found.orders_df
    bought = orders[orders.status == "filled"]
    refused = orders[orders.status == "rejected"]
    return float(found.positions["ONE"].iloc[-1]), float(bought.avg_price.iloc[0]), refused.quantity.tolist(), len(orders)


on, off = run(True, True, True), run(False, False, False)
print("held, price, refused, orders: switches on", on, "off", off)
sys.exit(0 if on == off and on[0] == 10 and abs(on[1] - 100.123) < 1e-9 and on[2:] == ([10.5], 2) else "a switch is read now")
PY

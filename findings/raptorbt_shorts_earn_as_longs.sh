#!/usr/bin/env bash
# raptorbt 0.13.4: equity of a short (direction=-1) is that of a long. The trade is right; the curve, the total return, the
# drawdown and the ratios of the same result have the other sign. It is so in the single, batch, basket and portfolio runs,
# and in a strategy class on a cash account, the default. Only a class on a margin account counts a short as one.
# Output seen, price 100 to 60: short trade +40000.0, win rate 100.0, total return -40.0, drawdown 40.0, curve equal to the
# long's. Price 100 to 130, stop at 10 %: trade -10000.0 by StopLoss, total return +10.0, drawdown 0.0. Margin account: +40.0.
# Expected by most: equity grows by the profits of its trades. Its documentation offers "-1 = short" for these runs; that
# shorts are priced correctly it says of margin accounts, and these runs take no kind of account.
# Why it matters here: benches/peers compares final equity with raptorbt, and can do so for longs alone. A search over both
# directions there picks the shorts that lose. ktrdr asserts the accounting identity on every run, longs and shorts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" raptorbt==0.13.4 numpy==2.4.6
PYTHONPATH=$folder python3 - <<'PY'
import sys
from importlib.metadata import version

import numpy as np
import raptorbt

assert version("raptorbt") == "0.13.4", version("raptorbt")
days = np.arange(6) * 86_400_000_000_000
entries, exits = (np.arange(6) == row for row in (1, 4))


def bars(*closes):
    close = np.array(closes, float)
    open_ = np.concatenate([close[:1], close[:-1]])
    return [days, open_, np.maximum(open_, close), np.minimum(open_, close), close, np.full(6, 1e6)]


def config(stop=None):
    made = raptorbt.BacktestConfig(initial_capital=100_000.0, fees=0.0, slippage=0.0)
    if stop:
        made.set_fixed_stop(stop)
    return made


class Short(raptorbt.Strategy):
    def on_bar(self, ctx):
        if ctx.idx == 1:
            self.enter_short(size_frac=1.0)
        if ctx.idx == 4:
            self.close_position()


def told(result):
    (trade,), found = result.trades(), result.metrics
    return [round(x, 6) for x in (trade.pnl, found.win_rate_pct, found.total_return_pct, found.max_drawdown_pct)]


fall, rise = bars(100, 100, 90, 80, 60, 60), bars(100, 100, 105, 120, 130, 130)
long, short = (raptorbt.run_single_backtest(*fall, entries, exits, direction=side, config=config()) for side in (1, -1))
stopped = raptorbt.run_single_backtest(*rise, entries, exits, direction=-1, config=config(0.1))
item = raptorbt.BatchSingleItem("one", entries, exits, direction=-1)
one = [(*fall, entries, exits, -1, 1.0, "ONE")]
names = ("timestamps", "open", "high", "low", "close", "volume")
cash, margin = (
    raptorbt.run_strategy_backtest(Short, **dict(zip(names, fall)), config=config(), account_type=kind)
    for kind in ("cash", "margin")
)
others = {
    "batch": raptorbt.batch_single_backtest(*fall, [item], config())[0][1],
    "basket": raptorbt.run_basket_backtest(one, config(), "all"),
    "portfolio": raptorbt.run_portfolio_backtest(one, config(), "full").result,
    "class, cash": cash,
    "class, margin": margin,
}
equal = np.array_equal(long.equity_curve(), short.equity_curve())
print("profit of the trade, win rate, total return, drawdown: short", told(short), "with the long's curve:", equal)
print("stopped:", told(stopped), stopped.trades()[0].exit_reason, {name: told(result) for name, result in others.items()})
wrong, right = [40_000.0, 100.0, -40.0, 40.0], [40_000.0, 100.0, 40.0, 0.0]
same = equal and told(short) == wrong and told(stopped) == [-10_000.0, 0.0, 10.0, 0.0]
same = same and [told(result) for result in others.values()] == [wrong] * 4 + [right]
sys.exit(0 if same else "equity of a short follows its trade now")
PY

"""One program over one file of bars: `python program.py NAME FILE` prints what it found and how long it took, as JSON.

It runs where that program is installed, so it imports nothing of ktrdr unless that is the program.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

CASH = 100_000.0
COST = 1e-5
LEAST_CALLS = 5
SECONDS = 1.5
"""Time for calls after the first; a slow program makes one more."""

Arrays = dict[str, Any]
Call = Callable[[], tuple[float, int]]
"""A call returns final equity and number of fills."""


def ktrdr(given: Arrays, as_signals: bool) -> Call:
    import polars as pl

    from ktrdr import simulate

    bars = pl.DataFrame({name: given[name] for name in ("timestamp", "open", "high", "low", "close")})
    booleans = {"entries": given["entries"], "exits": given["exits"]}
    columns = {"signals": booleans["entries"].astype(np.int8) - booleans["exits"]} if as_signals else booleans
    execution: Any = {
        "sizing": {"kind": "cash_fraction", "fraction": 1.0},
        "commission": {"rate": COST},
        "slippage": {"rate": COST},
        "close_at_end": False,
        "allow_short": False,
    }

    def call() -> tuple[float, int]:
        result = simulate(bars, **columns, execution=execution, initial_capital=CASH)
        assert len(result.metrics) > 30 and result.trades.height >= 0
        return result.final_equity, result.fills.height

    return call


def vectorbt(given: Arrays, engine: str) -> Call:
    import vectorbt as vbt

    vbt.settings["engine"] = engine
    # It fills at the bar of the signal: both columns move one bar on.
    entries, exits = (np.concatenate([[False], given[name][:-1]]) for name in ("entries", "exits"))

    def call() -> tuple[float, int]:
        run = vbt.Portfolio.from_signals(
            given["close"], entries, exits, price=given["open"], fees=COST, slippage=COST, init_cash=CASH, freq="5min"
        )
        fills = run.orders.records
        assert len(run.trades.records) >= 0
        # The few figures that a user of it would look at first; all of them take seconds.
        assert np.isfinite([run.total_return(), run.max_drawdown()]).all()
        return float(run.final_value()), len(fills)

    return call


def raptorbt(given: Arrays, batch: bool) -> Call:
    import raptorbt as rbt

    config = rbt.BacktestConfig(initial_capital=CASH, fees=COST, slippage=COST, fill_timing="next_bar_open")
    volume = np.zeros(len(given["close"]))
    bars = [given[name] for name in ("timestamp", "open", "high", "low", "close")] + [volume]

    def call() -> tuple[float, int]:
        if batch:
            item = rbt.BatchSingleItem("one", given["entries"], given["exits"])
            ((_, found),) = rbt.batch_single_backtest(*bars, [item], config=config)
        else:
            found = rbt.run_single_backtest(*bars, given["entries"], given["exits"], config=config)
        trades = found.trades() if callable(found.trades) else found.trades
        curve = found.equity_curve() if callable(found.equity_curve) else found.equity_curve
        assert found.metrics is not None
        return float(curve[-1]), 2 * len(trades)

    return call


def backtesting_py(given: Arrays) -> Call:
    import pandas as pd
    from backtesting import Backtest, Strategy

    index = pd.DatetimeIndex(given["timestamp"].astype("datetime64[ns]"))
    names = {"Open": "open", "High": "high", "Low": "low", "Close": "close"}
    frame = pd.DataFrame({shown: given[name] for shown, name in names.items()}, index=index)
    entries = given["entries"]
    exits = given["exits"]

    class Signals(Strategy):  # type: ignore[misc]
        def init(self) -> None: ...

        def next(self) -> None:
            row = len(self.data) - 1
            if entries[row] and not self.position:
                self.buy()
            elif exits[row] and self.position:
                self.position.close()

    def call() -> tuple[float, int]:
        found = Backtest(frame, Signals, cash=CASH, commission=COST, spread=0.0).run()
        return float(found["Equity Final [$]"]), 2 * len(found["_trades"])

    return call


PROGRAMS: dict[str, Callable[[Arrays], Call]] = {
    "ktrdr, entries and exits": lambda given: ktrdr(given, as_signals=False),
    "ktrdr, signals": lambda given: ktrdr(given, as_signals=True),
    "vectorbt, rust": lambda given: vectorbt(given, "rust"),
    "vectorbt, numba": lambda given: vectorbt(given, "numba"),
    "raptorbt": lambda given: raptorbt(given, batch=False),
    "raptorbt, batch of one": lambda given: raptorbt(given, batch=True),
    "backtesting.py": backtesting_py,
}


def main(name: str, file: str) -> None:
    with np.load(file) as stored:
        given = {key: stored[key] for key in stored.files}
    call = PROGRAMS[name](given)
    start = time.perf_counter()
    equity, fills = call()
    first_s = time.perf_counter() - start
    calls = []
    while not calls or (sum(calls) < SECONDS and len(calls) < 200) or (len(calls) < LEAST_CALLS and first_s < SECONDS):
        gc.collect()
        start = time.perf_counter()
        found = call()
        calls.append(time.perf_counter() - start)
        assert found == (equity, fills)
    print(json.dumps({"first_s": first_s, "best_s": min(calls), "equity": equity, "fills": fills}))


if __name__ == "__main__":
    main(*sys.argv[1:])

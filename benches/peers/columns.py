"""Programs that take whole columns of signals: ktrdr, vectorbt, raptorbt."""

from __future__ import annotations

from typing import Any

import numpy as np

from benches.peers.market import CASH, COST, Arrays, Call


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

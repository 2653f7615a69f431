"""Calls that a type checker must refuse, each marked; this file is checked and never run."""

from __future__ import annotations

import polars as pl

import ktrdr


def wrong(bars: pl.DataFrame, result_of: type[ktrdr.Simulation]) -> None:
    ktrdr.simulate(bars, entry=[True])  # wrong
    ktrdr.simulate(5, [1])  # wrong
    ktrdr.simulate(bars, [1], execution={"comission": {"rate": 0.0}})  # wrong
    ktrdr.simulate(bars, [1], execution={"commission": {"rate": "low"}})  # wrong
    ktrdr.simulate(bars, [1], execution={"fill": "next_close"})  # wrong
    ktrdr.simulate(bars, [1], execution={"sizing": {"kind": "fixed_quantity"}})  # wrong
    ktrdr.simulate(bars, [1], decisions={"threshold": 0.5})  # wrong
    ktrdr.simulate(bars, [1], metrics={"periods_per_year": "daily"})  # wrong
    ktrdr.Simulation(bars, [1]).feed(bars, [1])  # wrong
    ktrdr.Simulation.open(timeframe="1h").run()  # wrong
    ktrdr.Simulation.restore(b"", bars, 5, fork=True)  # wrong
    ktrdr.backtest("v3_minimal", "EURUSD", "1h", execution={"commission": 1})  # wrong
    ktrdr.backtest("v3_minimal", "EURUSD", "1h", bars=bars)  # wrong
    ktrdr.backtests  # wrong  # noqa: B018

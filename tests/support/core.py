"""The doors to the core: the public one, and the bare one for tests that make very many runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from reference.case import Case
from reference.money import NS_PER_SECOND
from reference.rules import complete

Table = dict[str, list[Any]]
SYMBOL = "WORLD"


@dataclass(frozen=True)
class CoreOutcome:
    """Ledgers by name and column, measures."""

    tables: dict[str, Table]
    values: dict[str, float | None]
    undefined: dict[str, str]
    blocks: list[tuple[int, float, float]] | None


def run_door(case: Case) -> CoreOutcome:
    """The case through `ktrdr.simulate`."""
    import ktrdr
    from ktrdr.values import Timeframe

    columns: dict[str, Any] = {"timestamp": np.array(case.bars.time, np.int64)}
    for name in ("open", "high", "low", "close", "half_spread", "atr", "conversion_rate"):
        values = getattr(case.bars, name)
        if values is not None:
            columns[name] = np.array(values, np.float64)
    timeframe = next(known for known in Timeframe if known.seconds == case.timeframe_seconds)
    result = ktrdr.simulate(
        pl.DataFrame(columns),
        np.array(case.signals, np.int8),
        None if case.confidence is None else np.array(case.confidence, np.float32),
        initial_capital=case.initial_capital,
        warmup_bars=case.warmup,
        timeframe=timeframe.value,
        symbol=SYMBOL,
        **case.rules,
    )
    tables = {name: _lists(getattr(result, name)) for name in ("fills", "trades", "equity", "refused")}
    return CoreOutcome(tables, dict(result.metrics), dict(result.undefined), result.blocks)


def _lists(frame: pl.DataFrame) -> Table:
    times = [pl.col(name).dt.timestamp("ns") for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(times).to_dict(as_series=False)


class BareRun:
    """Runs of one set of rules through the extension itself, without frames."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        from ktrdr import _core

        self._core = _core
        self._rules = json.dumps(complete(rules))

    def run(self, case: Case) -> CoreOutcome:
        """The case's columns under this run's rules."""
        run = self.start(case)
        tables = {name: self._table(run, name) for name in ("fills", "trades", "equity", "refused", "decisions")}
        metrics, blocks, _ = run.metrics()
        values = {name: value for name, value, _ in metrics}
        undefined = {name: reason for name, value, reason in metrics if value is None}
        return CoreOutcome(tables, values, undefined, blocks)

    def start(self, case: Case) -> Any:
        """The finished run as the extension holds it."""
        bars = SimpleNamespace(timestamp=np.array(case.bars.time, np.int64))
        for name in ("open", "high", "low", "close", "half_spread", "atr", "conversion_rate"):
            values = getattr(case.bars, name)
            setattr(bars, name, None if values is None else np.array(values, np.float64))
        timeframe_ns = case.timeframe_seconds * NS_PER_SECOND
        run = self._core.Simulation(
            self._rules, SYMBOL, timeframe_ns, case.initial_capital, case.warmup, True, bars.timestamp
        )
        confidence = None if case.confidence is None else np.array(case.confidence, np.float32)
        run.advance(bars, 0, np.array(case.signals, np.int8), confidence, True)
        return run

    def _table(self, run: Any, name: str) -> Table:
        columns: dict[str, Any] = {key: column.tolist() for key, column in run.table(name).items()}
        names = {"reason": self._core.REASONS, "exit_reason": self._core.REASONS, "code": self._core.DECISIONS}
        if name == "refused":
            names["reason"] = self._core.REFUSALS
        for key, values in columns.items():
            if key in names:
                columns[key] = [names[key][code] for code in values]
            valid = columns.get(f"{key}_valid")
            if valid is not None:
                columns[key] = [value if there else None for value, there in zip(values, valid, strict=True)]
        return columns

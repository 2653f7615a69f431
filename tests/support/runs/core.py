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
from reference.money import NS_PER_SECOND, Bars
from reference.rules import complete

Table = dict[str, list[Any]]
SYMBOL = "WORLD"
NULLABLE = {
    "fills": (),
    "trades": ("exit_confidence", "stop_price", "target_price"),
    "equity": (),
    "refused": ("quantity",),
    "decisions": (),
}


@dataclass(frozen=True)
class CoreOutcome:
    """Ledgers by name and column, measures."""

    tables: dict[str, Table]
    values: dict[str, float | None]
    undefined: dict[str, str]
    blocks: list[tuple[int, float, float]] | None


def frame_of(bars: Bars) -> pl.DataFrame:
    """Bars as a user has them."""
    columns: dict[str, Any] = {"timestamp": np.array(bars.time, np.int64)}
    for name in ("open", "high", "low", "close", "half_spread", "atr", "conversion_rate"):
        values = getattr(bars, name)
        if values is not None:
            columns[name] = np.array(values, np.float64)
    return pl.DataFrame(columns)


def arguments_of(case: Case) -> dict[str, Any]:
    """The keyword arguments of `ktrdr.simulate` for a case."""
    from ktrdr.time import Timeframe

    timeframe = next(known for known in Timeframe if known.seconds == case.timeframe_seconds)
    return {
        "initial_capital": case.initial_capital,
        "warmup_bars": case.warmup,
        "timeframe": timeframe.value,
        "symbol": SYMBOL,
        **case.rules,
        # The door's own defaults pass every signal; the reference has those of a strategy file.
        "decisions": complete(case.rules)["decisions"],
    }


def columns_of(case: Case) -> dict[str, Any]:
    """Bars, signals and confidence as a user has them; entries and exits as booleans."""
    confidence = None if case.confidence is None else np.array(case.confidence, np.float32)
    given = {"bars": frame_of(case.bars), "confidence": confidence}
    signals = np.array(case.signals, np.int8)
    if np.abs(signals).max() <= 1:
        return given | {"signals": signals}
    flags = {"entries": [3], "short_entries": [-3], "exits": [-2, 4], "short_exits": [2, 4]}
    return given | {name: np.isin(signals, codes) for name, codes in flags.items()}


def run_door(case: Case) -> CoreOutcome:
    """The case through `ktrdr.simulate`."""
    import ktrdr

    result = ktrdr.simulate(**columns_of(case), **arguments_of(case))
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
        self._names = {
            "fills": {"reason": _core.REASONS},
            "trades": {"exit_reason": _core.REASONS},
            "equity": {},
            "refused": {"reason": _core.REFUSALS},
            "decisions": {"code": _core.DECISIONS},
        }
        self._rules = json.dumps(complete(rules))

    def run(self, case: Case) -> CoreOutcome:
        """The case's columns under these rules."""
        return self.read(self.start(case, *self.columns(case)))

    def read(self, run: Any) -> CoreOutcome:
        """Returns the content of a finished run."""
        names = ("fills", "trades", "equity", "refused", "decisions")
        counts = zip(names, run.row_counts, strict=True)
        tables = {name: self._table(run, name) if rows else {} for name, rows in counts}
        metrics, blocks, *_ = run.metrics()
        values = {name: value for name, value, _ in metrics}
        undefined = {name: reason for name, value, reason in metrics if value is None}
        return CoreOutcome(tables, values, undefined, blocks)

    def columns(self, case: Case) -> tuple[Any, Any, Any]:
        """Bars, signals and confidence as the extension takes them."""
        bars = SimpleNamespace(timestamp=np.array(case.bars.time, np.int64))
        for name in ("open", "high", "low", "close", "half_spread", "atr", "conversion_rate"):
            values = getattr(case.bars, name)
            setattr(bars, name, None if values is None else np.array(values, np.float64))
        confidence = None if case.confidence is None else np.array(case.confidence, np.float32)
        return bars, self.columns_of_signals(case.signals), confidence

    @staticmethod
    def columns_of_signals(signals: list[int]) -> Any:
        """Signals as the extension takes them."""
        return np.array(signals, np.int8)

    def start(self, case: Case, bars: Any, signals: Any, confidence: Any) -> Any:
        """The finished run over these columns as the extension holds it."""
        timeframe_ns = case.timeframe_seconds * NS_PER_SECOND
        run = self._core.Simulation(
            self._rules, SYMBOL, timeframe_ns, case.initial_capital, case.warmup, bars.timestamp
        )
        run.advance(bars, 0, signals, confidence, True)
        return run

    def _table(self, run: Any, name: str) -> Table:
        columns: dict[str, Any] = {key: column.tolist() for key, column in run.table(name).items()}
        for key, names in self._names[name].items():
            columns[key] = [names[code] for code in columns[key]]
        rows = len(next(iter(columns.values())))
        for key in NULLABLE[name]:
            values = columns.get(key, [None] * rows)
            # Without a mask every row has a value, or none if the column is not there.
            valid = columns.pop(f"{key}_valid", [key in columns] * rows)
            columns[key] = [value if there else None for value, there in zip(values, valid, strict=True)]
        return columns

"""Values from callers, checked once: bars, signals, confidences, rules, counts and amounts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrdr import _core
from ktrdr.data.bars import BarSeries, read_columns
from ktrdr.data.frames import BarTable
from ktrdr.errors import ArgumentInvalid, DataTimeframe
from ktrdr.strategy.rule_mappings import Decisions, DecisionsMapping, Execution, ExecutionMapping, Metrics
from ktrdr.strategy.rules import (
    DecisionRules,
    ExecutionRules,
    MetricsRules,
    merge_rules,
    parse_decisions,
    parse_execution,
    parse_metrics,
)
from ktrdr.time import Timeframe

Signals = NDArray[np.int8]
Confidence = NDArray[np.float32]


def read_bars(
    bars: BarTable | BarSeries, symbol: str, timeframe: Timeframe | None, previous_ns: int | None = None
) -> BarSeries:
    """Returns the bars of a table, checked, or a series, which was checked when it was made.

    The spacing of the rows is not checked here; see `find_timeframe`.

    Args:
        bars: a table, or a series.
        symbol: name for a table's series.
        timeframe: length of a table's bars; None where it is not known yet.
        previous_ns: stamp of the bar before the first one, ns UTC.

    Raises:
        DataError: for a table or a row that breaks a rule.
    """
    if isinstance(bars, BarSeries):
        found = bars
    else:
        stamps, given = read_columns(bars, symbol)
        columns: dict[str, Any] = dict(given)
        found = BarSeries(symbol, timeframe or Timeframe.M1, stamps, **columns)
    if previous_ns is not None and found.timestamp[0] <= previous_ns:
        # Raises: the core has the error of a stamp that does not follow the one before it.
        _core.check_bars(found.rows(0, 1), previous_ns)
    return found


def find_timeframe(stamps: NDArray[np.int64], timeframe: Timeframe | None) -> Timeframe:
    """Returns the given timeframe, or the most frequent spacing of the stamps [n_bars, int64, ns UTC].

    Spacings that all differ contradict a given timeframe only where bars overlap.

    Raises:
        ArgumentInvalid: for one bar without a timeframe.
        DataTimeframe: for stamps that contradict the timeframe, or have none.
    """
    spacing = _core.spacing(stamps)
    if spacing is None:
        if timeframe is None:
            raise ArgumentInvalid("one bar does not tell its timeframe", where="timeframe", expected="1m to 1w")
        return timeframe
    smallest_ns, common_ns, count = spacing
    given = timeframe or next((known for known in Timeframe if known.ns == common_ns), None)
    irregular = count == 1 and len(stamps) > 2
    expected = " ".join(known.value for known in Timeframe) if given is None else given.value
    if given is None or (common_ns != given.ns and not irregular):
        raise DataTimeframe(
            "the most frequent spacing is not the timeframe", found=f"{common_ns / 1e9:g} s", expected=expected
        )
    check_overlap(smallest_ns, given)
    return given


def check_overlap(smallest_ns: int, timeframe: Timeframe) -> None:
    """Raises ``DataTimeframe`` for bars closer to each other than they are long."""
    if smallest_ns < timeframe.ns:
        found = f"{smallest_ns / 1e9:g} s apart"
        raise DataTimeframe("bars overlap", found=found, expected=f"{timeframe.seconds} s or more")


def read_signals(values: ArrayLike | None) -> Signals:
    """Returns signals [n_bars, int8]; raises ``ArgumentInvalid`` where the cast would lose anything."""
    given = np.asarray(values)
    if given.dtype != np.int8:
        given = _cast_without_loss(given)
    if given.ndim != 1:
        raise ArgumentInvalid("one signal per bar is needed", where="signals", found=f"shape {given.shape}")
    return np.ascontiguousarray(given)


def _cast_without_loss(given: NDArray[Any]) -> Signals:
    refused = ArgumentInvalid(
        "the signals do not fit into int8", where="signals", found=str(given.dtype), expected="-1, 0 or 1"
    )
    if given.dtype.kind not in "biuf":
        if given.size:
            raise refused
        return np.zeros(given.shape, np.int8)
    with np.errstate(invalid="ignore", over="ignore"):
        cast = given.astype(np.int8)
    if not np.array_equal(cast.astype(given.dtype), given):
        raise refused
    return cast


def read_confidence(values: ArrayLike | None) -> Confidence | None:
    """Returns confidences [n_bars, float32]; None stays None; raises ``ArgumentInvalid`` for other values."""
    if values is None:
        return None
    try:
        with np.errstate(over="ignore"):
            given = np.asarray(values).astype(np.float32, copy=False)
    except (TypeError, ValueError):
        raise ArgumentInvalid("the confidences are not numbers", where="confidence", expected="float32") from None
    if given.ndim != 1:
        raise ArgumentInvalid("one confidence per bar is needed", where="confidence", found=f"shape {given.shape}")
    return np.ascontiguousarray(given)


def check_length(name: str, column: NDArray[Any] | None, rows: int) -> None:
    """Raises ``ArgumentInvalid`` unless the column has one value per bar."""
    if column is not None and len(column) != rows:
        raise ArgumentInvalid("one value per bar is needed", where=name, found=len(column), expected=rows)


def read_count(name: str, value: object) -> int:
    """Returns a number of bars; raises ``ArgumentInvalid`` for what is no whole number from 0 up."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ArgumentInvalid("a whole number of bars is needed", where=name, found=value, expected=">= 0")
    return int(value)


def read_timeframe(given: str | Timeframe | None) -> Timeframe | None:
    """Returns the timeframe of a text; None stays None."""
    return None if given is None else Timeframe.parse(given)


def rules_to_json(execution: Execution, decisions: Decisions, metrics: Metrics) -> str:
    """Returns the rules in the core's form: every key, defaults filled in; raises a ``ConfigError`` leaf."""
    trade = execution if isinstance(execution, ExecutionRules) else parse_execution(execution)
    decide = decisions if isinstance(decisions, DecisionRules) else parse_decisions(decisions)
    measure = metrics if isinstance(metrics, MetricsRules) else parse_metrics(metrics)
    rules = {"execution": trade.to_core(), "decisions": decide.to_core(), "metrics": measure.to_core()}
    return json.dumps(rules, allow_nan=False)


def merged_rules(saved: str, execution: ExecutionMapping | None, decisions: DecisionsMapping | None) -> str:
    """Returns a snapshot's rules with those of a fork laid over them, in the core's form."""
    old = json.loads(saved)
    old["execution"] = saved_execution(old["execution"])
    trade = parse_execution(merge_rules(old["execution"], execution or {}))
    decide = parse_decisions(merge_rules(old["decisions"], decisions or {}))
    return rules_to_json(trade, decide, parse_metrics(old["metrics"]))


def saved_execution(rules: dict[str, Any]) -> dict[str, Any]:
    """Returns execution rules of the core in the form that a caller writes: sizing has only its own keys."""
    sizing = {key: value for key, value in rules["sizing"].items() if value is not None}
    return rules | {"sizing": sizing}

"""Values from callers, checked once: bars, timeframe, rules and counts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr.arguments import as_whole, with_type
from ktrdr.data.audit import check_dates
from ktrdr.data.bars import BarSeries, read_columns
from ktrdr.data.frames import BarTable
from ktrdr.errors import ArgumentInvalid, DataError, DataTimeframe
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
from ktrdr.time import Timeframe, iso

# Signals of one's own pass as they are: what a strategy file filters by default would drop them in silence.
_NEUTRAL: DecisionsMapping = {
    "confidence_threshold": 0.0,
    "allow_short_from_flat": True,
    "filters": {"min_signal_separation": 0.0},
}


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
        stamps, given = read_columns(bars, symbol, timeframe)
        columns: dict[str, Any] = dict(given)
        found = BarSeries(symbol, timeframe or Timeframe.M1, stamps, **columns)
    if previous_ns is not None and found.timestamp[0] <= previous_ns:
        check_follows(found, previous_ns)
    return found


def check_follows(bars: BarSeries, previous_ns: int | None, row: int = 0) -> None:
    """Raises ``DataDuplicate`` or ``DataUnsorted`` for a row of bars that does not lie after ``previous_ns``."""
    try:
        _core.check_bars(bars.rows(row, row + 1), previous_ns)
    except DataError as error:
        if error.field != "timestamp":
            raise
        # The core has stamps as numbers.
        raise error.but(row=row, found=iso(int(bars.timestamp[row]))) from None


def unchecked_bars(bars: BarTable, symbol: str, timeframe: Timeframe | None) -> BarSeries:
    """Returns the bars of a table as a series whose rows nobody has checked: a run that checks them is the only reader.

    Of the stamps it looks at the unit of the first and the last: the run finds those that do not rise.

    Raises:
        DataError: for a table that cannot be read.
    """
    stamps, given = read_columns(bars, symbol, timeframe, rising=True)
    return BarSeries.of_checked(symbol, timeframe or Timeframe.M1, {"timestamp": stamps, **given})


def find_timeframe(stamps: NDArray[np.int64], timeframe: Timeframe | None, threads: int = 1) -> Timeframe:
    """Returns the given timeframe, or the most frequent spacing of the stamps [n_bars, int64, ns UTC].

    Spacings that all differ contradict a given timeframe only where bars overlap. Up to ``threads`` threads read them.

    Raises:
        ArgumentInvalid: for one bar without a timeframe.
        DataTimeframe: for stamps that contradict the timeframe, or have none, and for daily or weekly stamps that
            are no dates.
    """
    spacing = _core.spacing(stamps, threads)
    if spacing is None:
        if timeframe is None:
            raise ArgumentInvalid("one bar does not tell its timeframe", where="timeframe", expected="1m to 1w")
        check_opens(stamps, timeframe, None)
        return timeframe
    smallest_ns, common_ns, count = spacing
    given = timeframe or next((known for known in Timeframe if known.ns == common_ns), None)
    irregular = count == 1 and len(stamps) > 2
    expected = " ".join(known.value for known in Timeframe) if given is None else given.value
    if given is None or (common_ns != given.ns and not irregular):
        raise DataTimeframe(
            "the most frequent spacing is not the timeframe", found=_seconds(common_ns), expected=expected
        )
    check_opens(stamps, given, smallest_ns)
    return given


def check_opens(stamps: NDArray[np.int64], timeframe: Timeframe, smallest_ns: int | None) -> None:
    """Raises ``DataTimeframe`` for daily or weekly stamps that are no dates, and for bars that overlap.

    ``smallest_ns`` is the smallest spacing of the bars; None for one bar.
    """
    if not timeframe.intraday:
        check_dates(stamps, timeframe)
    if smallest_ns is not None and smallest_ns < timeframe.ns:
        early = np.flatnonzero(np.diff(stamps) < timeframe.ns) + 1
        # Where none of these follows too soon, the first one does: on a bar that was fed before.
        row = int(early[0]) if len(early) else 0
        spacing_ns = int(stamps[row] - stamps[row - 1]) if row else smallest_ns
        found = f"{iso(int(stamps[row]))}, {_seconds(spacing_ns)} after the bar before"
        expected = f"{timeframe.seconds} s or more"
        raise DataTimeframe("bars overlap", row=row, field="timestamp", found=found, expected=expected)


def _seconds(spacing_ns: int) -> str:
    """Returns a length of time to the nanosecond: a bar may be too early by one."""
    return f"{spacing_ns / 1e9:.15g} s"


def read_count(name: str, value: object, of: str = "bars") -> int:
    """Returns a number of bars, or of rows ``of`` another kind.

    Raises ``ArgumentInvalid`` for what is no whole number from 0 up.
    """
    number = as_whole(value)
    if number is None or number < 0:
        raise ArgumentInvalid(f"a whole number of {of} is needed", where=name, found=with_type(value), expected=">= 0")
    return number


def read_symbol(value: object) -> str:
    """Returns the name of a run in its ledger; raises ``ArgumentInvalid`` for what is no text."""
    if not isinstance(value, str):
        raise ArgumentInvalid("a name is needed", where="symbol", found=with_type(value), expected="text")
    return value


def read_timeframe(given: str | Timeframe | None) -> Timeframe | None:
    """Returns the timeframe of a text; None stays None."""
    return None if given is None else Timeframe.parse(given)


def rules_to_json(execution: Execution, decisions: Decisions, metrics: Metrics) -> str:
    """Returns the rules in the core's form: every key, defaults filled in; raises a ``ConfigError`` leaf.

    Decisions that are not given are neutral: every signal passes, and a sell opens a short where ``allow_short``
    allows it.
    """
    given = (execution, decisions, metrics)
    # Parsing takes as long as a short run, and loops over signals run the same rules again and again.
    return _known_json(_Given(repr(given), given)) if _is_literal(given) else _json(execution, decisions, metrics)


@dataclass(frozen=True)
class _Given:
    """Rules as a caller wrote them, of builtin types alone: the text says all there is to know."""

    text: str
    rules: tuple[Execution, Decisions, Metrics] = field(compare=False)


def _is_literal(value: object) -> bool:
    if type(value) is dict:
        return all(type(key) is str and _is_literal(part) for key, part in value.items())
    if type(value) in (list, tuple):
        return all(map(_is_literal, cast("list[object]", value)))
    return value is None or type(value) in (str, int, float, bool)


@lru_cache(maxsize=64)
def _known_json(given: _Given) -> str:
    return _json(*given.rules)


def _json(execution: Execution, decisions: Decisions, metrics: Metrics) -> str:
    trade = execution if isinstance(execution, ExecutionRules) else parse_execution(execution)
    decide = decisions if isinstance(decisions, DecisionRules) else over_neutral(decisions)
    measure = metrics if isinstance(metrics, MetricsRules) else parse_metrics(metrics)
    rules = {"execution": trade.to_core(), "decisions": decide.to_core(), "metrics": measure.to_core()}
    return json.dumps(rules, allow_nan=False)


def over_neutral(decisions: DecisionsMapping | None) -> DecisionRules:
    """Returns decision rules of own signals: what is not given is neutral, so that every signal passes."""
    # Parsed alone first: an error must speak of what was written.
    given = parse_decisions(decisions)
    return parse_decisions(merge_rules(_NEUTRAL, given.model_dump(mode="json", exclude_unset=True)))


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

"""The rules of bars: values a row must keep, as the core judges them, and the spacing of stamps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr._types import Floats, Stamps
from ktrdr.errors import DataTimeframe, KtrdrError, from_code
from ktrdr.time import NS_PER_DAY, NS_PER_SECOND, SECONDS_PER_UNIT, Timeframe, iso

PRICES = ("open", "high", "low", "close")
MOST_ROWS = 20  # an error lists no more; it says how many there are
_ROUNDING_RATE = 1e-11

# The rules of a bar stand in the core; a bar that its successor cuts short is seen only beside its timeframe.
_SENTENCES = {**_core.BAR_RULES, "data_timeframe": "the bar is cut short: the next one opens before its end"}
Codes: TypeAlias = NDArray[np.uint8]
_FIELDS = _core.AUDIT_FIELDS
_RULES = (*_core.AUDIT_RULES, "data_timeframe")
_MONTH_HINT = "a month has no fixed length: import weekly or daily bars"
_FEW_BARS = 3  # at so few a gap may be the only spacing


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: the row (from 0), the column, the value as text, and the rule's error code."""

    row: int
    field: str
    value: str
    rule: str

    def to_dict(self) -> dict[str, Any]:
        """Returns a row of the audit table."""
        return {"row": self.row, "field": self.field, "value": self.value, "rule": self.rule}


@dataclass(frozen=True, eq=False)
class Violations(Sequence[Violation]):
    """Broken rules in row order, kept as arrays: a file may hold millions."""

    rows: NDArray[np.int64]
    fields: Codes
    rules: Codes
    stamps: Stamps
    columns: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Violation: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Violation]: ...
    def __getitem__(self, at: int | slice) -> Violation | Sequence[Violation]:
        if isinstance(at, slice):
            return [self._made(one) for one in range(*at.indices(len(self)))]
        return self._made(range(len(self))[at])

    def __iter__(self) -> Iterator[Violation]:
        return map(self._made, range(len(self)))

    def _made(self, at: int) -> Violation:
        row = int(self.rows[at])
        name = _FIELDS[self.fields[at]]
        value = iso(int(self.stamps[row])) if name == "timestamp" else repr(float(self.columns[name][row]))
        return Violation(row, name, value, _RULES[self.rules[at]])

    def commonest(self) -> tuple[str, int]:
        """Returns the rule about values that most rows break, and how many rows break it."""
        counts = {}
        for rule in ("data_ohlc_order", "data_price_range", "data_nonfinite"):
            rows = self.rows[self.rules == _RULES.index(rule)]  # in order: equal ones lie side by side
            counts[rule] = int(np.count_nonzero(np.diff(rows))) + 1 if len(rows) else 0
        rule = max(counts, key=lambda name: counts[name])
        return rule, counts[rule]


def audit(stamps: Stamps, columns: Mapping[str, Floats]) -> Violations:
    """Returns every broken rule of the rows, in row order.

    ``columns`` holds the prices and perhaps ``volume``, ``half_spread`` and ``conversion_rate``.

    >>> flat = np.ones(2)
    >>> columns = {"open": flat, "high": flat, "low": flat, "close": np.array([1.0, 2.0])}
    >>> [violation.rule for violation in audit(np.array([0, 0]), columns)]
    ['data_ohlc_order', 'data_duplicate']
    """
    prices = {name: np.ascontiguousarray(columns[name]) for name in PRICES}
    bars = SimpleNamespace(timestamp=stamps, **prices, half_spread=None, atr=None, conversion_rate=None)
    rows, fields, rules = _core.audit_bars(bars, columns.get("volume"))
    beside = [_beside(name, columns) for name in ("half_spread", "conversion_rate") if name in columns]
    if not any(len(found) for found, _, _ in beside):
        return Violations(rows, fields, rules, stamps, columns)
    parts = [np.concatenate(part) for part in zip((rows, fields, rules), *beside, strict=True)]
    order = np.argsort(parts[0], kind="stable")
    return Violations(parts[0][order], parts[1][order], parts[2][order], stamps, columns)


def _beside(name: str, columns: Mapping[str, Floats]) -> tuple[Stamps, Codes, Codes]:
    """Returns rows, fields and rules of a broken half spread (below 0) or conversion rate (not above 0)."""
    column = columns[name]
    finite = np.isfinite(column)
    outside = finite & (column < 0 if name == "half_spread" else column <= 0)
    rows = np.flatnonzero(~finite | outside)
    rules = np.where(finite[rows], _RULES.index("data_price_range"), _RULES.index("data_nonfinite"))
    return rows, np.full(len(rows), _FIELDS.index(name), np.uint8), rules.astype(np.uint8)


def cut_short(stamps: Stamps, timeframe: Timeframe) -> Violations:
    """Returns the bars that are cut short, as by an outage: of two that overlap the one that lies off the grid.

    Empty where more than a tenth of the bars overlap: then the timeframe is another one.
    """
    before = np.flatnonzero(np.diff(stamps) < timeframe.ns)
    phases = stamps % timeframe.ns
    values, counts = np.unique(phases, return_counts=True)
    usual = values[int(counts.argmax())] if len(values) else 0
    rows = np.unique(np.where(phases[before] == usual, before + 1, before))
    rows = rows if 10 * len(rows) <= len(stamps) else rows[:0]
    fields = np.full(len(rows), _FIELDS.index("timestamp"), np.uint8)
    rules = np.full(len(rows), _RULES.index("data_timeframe"), np.uint8)
    return Violations(rows, fields, rules, stamps, {})


def absorb_rounding(columns: dict[str, Floats]) -> tuple[dict[str, Floats], int]:
    """Widens highs and lows that miss another price by a rounding error (1e-11 of it); returns how many rows.

    >>> price = np.array([0.3])
    >>> absorb_rounding({"open": price, "high": price, "low": price, "close": np.array([0.1 + 0.2])})[1]
    1
    """
    prices = [columns[name] for name in PRICES]
    highest = np.maximum.reduce(prices)
    lowest = np.minimum.reduce(prices)
    high = columns["high"]
    low = columns["low"]
    above = (high < highest) & (high >= highest * (1 - _ROUNDING_RATE))
    below = (low > lowest) & (low <= lowest * (1 + _ROUNDING_RATE))
    if not (above.any() or below.any()):
        return columns, 0
    widened = {"high": np.where(above, highest, high), "low": np.where(below, lowest, low)}
    return columns | widened, int(np.count_nonzero(above | below))


def refusal(
    violations: Sequence[Violation], *, where: str = "", hint: str = "", count: int | None = None, **place: Any
) -> KtrdrError:
    """Returns the error of the first violation; its table lists the first 20, its text says how many there are."""
    first = violations[0]
    count = len(violations) if count is None else count
    more = f"{count:,} values break a rule" if count > 1 else ""
    return from_code(
        first.rule,
        _SENTENCES[first.rule],
        where=where,
        row=first.row,
        field=first.field,
        found=first.value,
        hint="; ".join(part for part in (more, hint) if part),
        table=[violation.to_dict() for violation in violations[:MOST_ROWS]],
        **place,
    )


def common_spacing(stamps: Stamps) -> Timeframe:
    """Returns the timeframe that is the most frequent spacing of the stamps (tie: the smallest)."""
    found = _core.spacing(stamps, 1)
    if found is None:
        raise DataTimeframe("one bar does not tell its timeframe", expected="timeframe=...")
    _, spacing, _ = found
    for timeframe in Timeframe:
        if timeframe.ns == spacing:
            return timeframe
    choices = " ".join(timeframe.value for timeframe in Timeframe)
    raise DataTimeframe("the most frequent spacing is no timeframe", found=duration(spacing), expected=choices)


def check_spacing(stamps: Stamps, timeframe: Timeframe, symbol: str) -> None:
    """Refuses bars that overlap, that mostly follow each other at another spacing, or that begin off their grid.

    Two or three bars at spacings that all differ, as beside a weekend, contradict no timeframe; those of months do.
    """
    place: dict[str, Any] = {"symbol": symbol or None, "timeframe": timeframe.value}
    if not timeframe.intraday:
        check_dates(stamps, timeframe, symbol)
    spacing = _core.spacing(stamps, 1)
    if spacing is None:
        return
    smallest, common, count = spacing
    if smallest < timeframe.ns:
        row = int(np.argmax(np.diff(stamps) < timeframe.ns)) + 1
        raise DataTimeframe(
            "bars overlap",
            row=row,
            found=f"{iso(int(stamps[row]))}, {duration(stamps[row] - stamps[row - 1])} after the bar before",
            expected=f"{duration(timeframe.ns)} or more",
            **place,
        )
    is_month = 28 * NS_PER_DAY <= common <= 31 * NS_PER_DAY
    tells = count > 1 or len(stamps) > _FEW_BARS or is_month
    if common != timeframe.ns and tells:
        row = int(np.argmax(np.diff(stamps) == common))
        example = f"{iso(int(stamps[row]))} and {iso(int(stamps[row + 1]))}"
        raise DataTimeframe(
            "the bars are not of this timeframe",
            row=row + 1,
            found=f"most frequent spacing {duration(common)}, as between {example}",
            expected=timeframe.value,
            hint=_MONTH_HINT if is_month else "",
            **place,
        )


def duration(spacing_ns: int | np.int64) -> str:
    """Returns a length of time as people say it.

    >>> duration(90 * 60 * 10**9), duration(86_400 * 10**9)
    ('1.5 h', '1 d')
    """
    seconds = int(spacing_ns) / NS_PER_SECOND
    for unit, length in (("d", SECONDS_PER_UNIT["d"]), ("h", SECONDS_PER_UNIT["h"]), ("min", SECONDS_PER_UNIT["m"])):
        if seconds >= length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def check_dates(stamps: Stamps, timeframe: Timeframe, symbol: str = "") -> None:
    """Raises ``DataTimeframe`` for a daily stamp that is no date at 00:00 UTC, and a weekly one that is no Monday."""
    days, rest = np.divmod(stamps, NS_PER_DAY)
    wrong = rest != 0
    if timeframe is Timeframe.W1:
        wrong |= (days + 3) % 7 != 0
    if wrong.any():
        row = int(np.argmax(wrong))
        expected = "a Monday at 00:00 UTC" if timeframe is Timeframe.W1 else "a date at 00:00 UTC"
        raise DataTimeframe(
            "the stamp is no session date",
            symbol=symbol or None,
            timeframe=timeframe.value,
            row=row,
            found=iso(int(stamps[row])),
            expected=expected,
        )

"""The rules of bars: what a row must keep (asked of the core), and how stamps must be spaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ktrdr import _core
from ktrdr._types import Floats, Stamps
from ktrdr.errors import DataTimeframe, KtrdrError, from_code
from ktrdr.time import NS_PER_DAY, NS_PER_SECOND, Timeframe, iso

PRICES = ("open", "high", "low", "close")

_SENTENCES = {
    "data_nonfinite": "the value must be finite",
    "data_price_range": "prices must be above 0 and volumes not below 0",
    "data_ohlc_order": "high must be the highest and low the lowest price of the bar",
    "data_duplicate": "the stamp occurs twice",
    "data_unsorted": "the stamp lies before the one above it",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: the row (from 0), the column, the value as text, and the rule's error code."""

    row: int
    field: str
    value: str
    rule: str

    def to_dict(self) -> dict[str, Any]:
        """A row of the audit table."""
        return {"row": self.row, "field": self.field, "value": self.value, "rule": self.rule}


def audit(stamps: Stamps, columns: Mapping[str, Floats]) -> list[Violation]:
    """Every broken rule of the rows, in row order; ``columns`` holds the prices and perhaps ``volume``.

    >>> flat = np.ones(2)
    >>> columns = {"open": flat, "high": flat, "low": flat, "close": np.array([1.0, 2.0])}
    >>> [violation.rule for violation in audit(np.array([0, 0]), columns)]
    ['data_ohlc_order', 'data_duplicate']
    """
    opened, high, low, close = (np.ascontiguousarray(columns[name]) for name in PRICES)
    rows, fields, rules = _core.audit_bars(stamps, opened, high, low, close, columns.get("volume"))
    found = []
    for row, field, rule in zip(rows.tolist(), fields.tolist(), rules.tolist(), strict=True):
        name = _core.AUDIT_FIELDS[field]
        value = iso(int(stamps[row])) if name == "timestamp" else repr(float(columns[name][row]))
        found.append(Violation(row, name, value, _core.AUDIT_RULES[rule]))
    return found


def refusal(violations: list[Violation], *, where: str = "", hint: str = "", **place: Any) -> KtrdrError:
    """The error of the first violation, which carries them all as its table."""
    first = violations[0]
    more = f"{len(violations)} values break a rule" if len(violations) > 1 else ""
    return from_code(
        first.rule, _SENTENCES[first.rule], where=where, row=first.row, field=first.field, found=first.value,
        hint="; ".join(part for part in (more, hint) if part),
        table=[violation.to_dict() for violation in violations], **place,
    )  # fmt: skip


def common_spacing(stamps: Stamps) -> Timeframe:
    """The timeframe that is the most frequent spacing of the stamps (tie: the smallest)."""
    found = _core.spacing(stamps)
    if found is None:
        raise DataTimeframe("one bar does not tell its timeframe", expected="timeframe=...")
    _, spacing, _ = found
    for timeframe in Timeframe:
        if timeframe.ns == spacing:
            return timeframe
    choices = " ".join(timeframe.value for timeframe in Timeframe)
    raise DataTimeframe("the most frequent spacing is no timeframe", found=_seconds(spacing), expected=choices)


def check_spacing(stamps: Stamps, timeframe: Timeframe, symbol: str) -> None:
    """Bars do not overlap, most of them follow each other at the timeframe, days and weeks begin where they should."""
    place: dict[str, Any] = {"symbol": symbol or None, "timeframe": timeframe.value}
    if not timeframe.intraday:
        _check_dates(stamps, timeframe, place)
    spacing = _core.spacing(stamps)
    if spacing is None:
        return
    smallest, common, _ = spacing
    if smallest < timeframe.ns:
        row = int(np.argmax(np.diff(stamps) < timeframe.ns)) + 1
        found = f"{_seconds(stamps[row] - stamps[row - 1])} after the bar before"
        raise DataTimeframe("bars overlap", row=row, found=found, expected=f"{timeframe.seconds} s or more", **place)
    if common != timeframe.ns:
        found = f"most frequent spacing {_seconds(common)}"
        raise DataTimeframe("the bars are not of this timeframe", found=found, expected=timeframe.value, **place)


def _seconds(spacing_ns: int | np.int64) -> str:
    return f"{int(spacing_ns) / NS_PER_SECOND:g} s"


def _check_dates(stamps: Stamps, timeframe: Timeframe, place: dict[str, Any]) -> None:
    days, rest = np.divmod(stamps, NS_PER_DAY)
    wrong = rest != 0
    if timeframe is Timeframe.W1:
        wrong |= (days + 3) % 7 != 0
    if wrong.any():
        row = int(np.argmax(wrong))
        expected = "a Monday at 00:00 UTC" if timeframe is Timeframe.W1 else "a date at 00:00 UTC"
        found = iso(int(stamps[row]))
        raise DataTimeframe("the stamp is no session date", row=row, found=found, expected=expected, **place)

"""Mends bars that break a rule, only as the user says, and reports each change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ktrdr._types import Floats, Stamps
from ktrdr.data.audit import PRICES, Violation, audit
from ktrdr.errors import ArgumentInvalid

REPAIRS = ("drop", "clip")


@dataclass(frozen=True, slots=True)
class Change:
    """One change by a repair to a row of the file: ``dropped``, ``moved`` into order, or a field's new value."""

    row: int
    field: str
    value: str
    rule: str
    became: str

    def to_dict(self) -> dict[str, Any]:
        """Returns a row of the table of changes."""
        return {"row": self.row, "field": self.field, "value": self.value, "rule": self.rule, "became": self.became}


def check_repair(how: str | None) -> str | None:
    """Returns ``drop``, ``clip`` or None; raises ``ArgumentInvalid``."""
    if how is not None and how not in REPAIRS:
        raise ArgumentInvalid("unknown repair", where="repair", found=how, expected="drop or clip")
    return how


def mend(
    stamps: Stamps, columns: dict[str, Floats], violations: Sequence[Violation], how: str
) -> tuple[Stamps, dict[str, Floats], list[Change]]:
    """Returns the rows that remain, as row numbers of the file, their columns as mended, and every change.

    Rows out of order are put in order. ``clip`` widens high and low to hold the bar's other prices and sets a
    negative volume to 0; every other broken row is dropped, of rows with one stamp all but the first.
    """
    columns = {name: column.copy() for name, column in columns.items()}
    clip = how == "clip"
    changes: list[Change] = []
    dropped = np.zeros(len(stamps), bool)
    for violation in violations:
        if violation.rule == "data_unsorted":
            changes.append(_change(violation, "moved"))
        elif clip and violation.rule == "data_ohlc_order":
            if (became := _widen(columns, violation)) != violation.value:  # the other end may have moved already
                changes.append(_change(violation, became))
        elif clip and (violation.field, violation.rule) == ("volume", "data_price_range"):
            columns["volume"][violation.row] = 0.0
            changes.append(_change(violation, "0.0"))
        elif violation.rule != "data_duplicate":
            dropped[violation.row] = True
            changes.append(_change(violation, "dropped"))
    rows = np.flatnonzero(~dropped)
    rows = rows[np.argsort(stamps[rows], kind="stable")]
    again = np.zeros(len(rows), bool)
    again[1:] = np.diff(stamps[rows]) == 0
    known = {violation.row: violation for violation in violations if violation.rule == "data_duplicate"}
    for row in rows[again].tolist():
        twin = known.get(row) or _twin(stamps, columns, row)
        changes.append(_change(twin, "dropped"))
    return rows[~again], columns, sorted(changes, key=lambda change: change.row)


def _change(violation: Violation, became: str) -> Change:
    return Change(violation.row, violation.field, violation.value, violation.rule, became)


def _widen(columns: dict[str, Floats], violation: Violation) -> str:
    prices = [float(columns[name][violation.row]) for name in PRICES]
    wide = max(prices) if violation.field == "high" else min(prices)
    columns[violation.field][violation.row] = wide
    return repr(wide)


def _twin(stamps: Stamps, columns: dict[str, Floats], row: int) -> Violation:
    """Returns the violation of a stamp that is double only once the rows are in order."""
    pair = {name: column[[row, row]] for name, column in columns.items()}
    found = next(one for one in audit(stamps[[row, row]], pair) if one.rule == "data_duplicate")
    return Violation(row, found.field, found.value, found.rule)

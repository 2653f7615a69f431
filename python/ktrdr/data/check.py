"""The audit of stored series: broken rules, gaps, jumps, dates that know the future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ktrdr._types import Floats, Stamps
from ktrdr.data.audit import MOST_ROWS, Violation, audit, check_spacing
from ktrdr.data.bars import BarSeries
from ktrdr.data.frames import floats_of, opens_of, stamps_of
from ktrdr.data.lookahead import check_lookahead
from ktrdr.data.store.repository import STORED, Repository
from ktrdr.errors import DataEmpty, DataError, DataTimeframe, KtrdrError
from ktrdr.time import NS_PER_HOUR, Timeframe, iso

_JUMP_RATE = 0.4


@dataclass(frozen=True, slots=True)
class Jump:
    """An open more than 40 % from the previous close: a split that was not adjusted, or news."""

    row: int
    time: str
    rate: float

    def to_dict(self) -> dict[str, Any]:
        """Returns a row of the table of jumps."""
        return {"row": self.row, "time": self.time, "rate": self.rate}


@dataclass(frozen=True)
class CheckReport:
    """The findings of the audit of one stored series; ``problems`` are the errors that a run of it would raise."""

    symbol: str
    timeframe: Timeframe
    rows: int
    first: str | None
    last: str | None
    synthetic: bool
    gaps: int
    longest_gap_hours: float
    has_volume: bool
    violations: Sequence[Violation]
    jumps: tuple[Jump, ...]
    problems: tuple[KtrdrError, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the report, JSON-ready."""
        return {
            "symbol": self.symbol,
            "timeframe": self.timeframe.value,
            "rows": self.rows,
            "first": self.first,
            "last": self.last,
            "synthetic": self.synthetic,
            "gaps": self.gaps,
            "longest_gap_hours": self.longest_gap_hours,
            "volume": self.has_volume,
            "violation_count": len(self.violations),
            "violations": [violation.to_dict() for violation in self.violations[:MOST_ROWS]],
            "jumps": [jump.to_dict() for jump in self.jumps],
            "problems": [problem.to_dict() for problem in self.problems],
            "warnings": list(self.warnings),
        }


def check_series(repository: Repository, symbol: str, timeframe: str | Timeframe) -> CheckReport:
    """Audits one stored series, against the other timeframes of its symbol too.

    Raises ``DataNotFound``, and the ``DataError`` leaf of a file that cannot be read at all; what is wrong with its
    bars is in the report.
    """
    length = Timeframe.parse(timeframe)
    frame = repository.raw(symbol, length, STORED)
    stamps = _opens(frame["timestamp"], length, symbol)
    columns = {name: floats_of(frame[name], name, symbol) for name in STORED[1:] if name in frame.columns}
    violations = audit(stamps, columns)
    problems = _problems(repository, symbol, length, stamps)
    spacing = np.diff(stamps)
    wide = spacing[spacing > length.ns]
    volume = columns.get("volume")
    return CheckReport(
        symbol=symbol,
        timeframe=length,
        rows=len(stamps),
        first=iso(int(stamps[0])) if len(stamps) else None,
        last=iso(int(stamps[-1])) if len(stamps) else None,
        synthetic=repository.provenance(symbol, length).synthetic,
        gaps=len(wide),
        longest_gap_hours=round(float(wide.max(initial=0)) / NS_PER_HOUR, 3),
        has_volume=volume is not None and bool((volume > 0).any()),
        violations=violations,
        jumps=_jumps(stamps, columns),
        problems=problems,
        warnings=_warnings(repository, symbol, length),
    )


def _opens(column: pl.Series, timeframe: Timeframe, symbol: str) -> Stamps:
    try:
        return opens_of(column, timeframe, symbol)
    except DataTimeframe:
        return stamps_of(column, symbol)  # the load reports it


def _problems(repository: Repository, symbol: str, timeframe: Timeframe, stamps: Stamps) -> tuple[KtrdrError, ...]:
    found: list[KtrdrError] = []
    try:
        if len(stamps) == 0:
            raise DataEmpty("no bars", symbol=symbol, timeframe=timeframe.value)
        mine = repository.load(symbol, timeframe)
    except DataError as error:
        found.append(error)
        if len(stamps) and not isinstance(error, DataEmpty):
            found += _spacing_problem(stamps, timeframe, symbol, error)
        return tuple(found)
    for other in _siblings(repository, mine):
        higher, base = (mine, other) if mine.timeframe > other.timeframe else (other, mine)
        try:
            check_lookahead(higher, base)
        except DataError as error:
            found.append(error)
    return tuple(found)


def _spacing_problem(stamps: Stamps, timeframe: Timeframe, symbol: str, known: DataError) -> list[KtrdrError]:
    try:
        check_spacing(np.unique(stamps), timeframe, symbol)
    except DataError as error:
        return [error] if str(error) != str(known) else []
    return []


def _siblings(repository: Repository, mine: BarSeries) -> list[BarSeries]:
    """The symbol's other series of the same origin that can be read; each series has its own report."""
    found = []
    for symbol, timeframe in repository.names():
        if symbol != mine.symbol or timeframe is mine.timeframe:
            continue
        try:
            other = repository.load(symbol, timeframe)
        except DataError:
            continue
        if other.provenance.synthetic == mine.provenance.synthetic:
            found.append(other)
    return found


def _jumps(stamps: Stamps, columns: dict[str, Floats]) -> tuple[Jump, ...]:
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = columns["open"][1:] / columns["close"][:-1] - 1
    rows = np.flatnonzero(np.abs(rates) > _JUMP_RATE) + 1
    return tuple(Jump(int(row), iso(int(stamps[row])), float(rates[row - 1])) for row in rows)


def _warnings(repository: Repository, symbol: str, timeframe: Timeframe) -> tuple[str, ...]:
    if repository.sidecar(symbol, timeframe).get("content_hash") is None:
        return ("no sidecar: the file was not written by an import, and counts as real",)
    return ()

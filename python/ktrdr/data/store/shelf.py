"""Lists, deletes and resamples the series of the data folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from ktrdr.data.bars import BarSeries
from ktrdr.data.resample import finest_fitting, resample
from ktrdr.data.store.repository import Repository
from ktrdr.errors import DataError, DataExists, DataNotFound
from ktrdr.text import some_of
from ktrdr.time import Timeframe


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """One line of the list: a series, its extent and its origin, or the reason why it cannot be read."""

    symbol: str
    timeframe: Timeframe
    rows: int
    first: str | None
    last: str | None
    synthetic: bool
    source: str
    resampled_from: Timeframe | None
    problem: DataError | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the line, JSON-ready."""
        facts = {
            "symbol": self.symbol,
            "timeframe": self.timeframe.value,
            "rows": self.rows,
            "first": self.first,
            "last": self.last,
            "synthetic": self.synthetic,
            "source": self.source,
            "resampled_from": None if self.resampled_from is None else self.resampled_from.value,
        }
        return facts if self.problem is None else facts | {"problem": self.problem.to_dict()}


def list_series(repository: Repository) -> list[StoredSeries]:
    """Returns every stored series, by symbol and timeframe, unchecked."""
    return [_line(repository, symbol, timeframe) for symbol, timeframe in repository.names()]


def _line(repository: Repository, symbol: str, timeframe: Timeframe) -> StoredSeries:
    try:
        stamps = repository.raw(symbol, timeframe, ("timestamp",))["timestamp"]
        provenance = repository.provenance(symbol, timeframe)
    except DataError as error:  # a damaged series must not hide the others
        return StoredSeries(symbol, timeframe, 0, None, None, False, "", None, error)
    return StoredSeries(
        symbol=symbol,
        timeframe=timeframe,
        rows=len(stamps),
        first=_text(stamps, 0) if len(stamps) else None,
        last=_text(stamps, -1) if len(stamps) else None,
        synthetic=provenance.synthetic,
        source=provenance.source,
        resampled_from=provenance.resampled_from,
    )


def _text(stamps: pl.Series, row: int) -> str:
    moment = stamps[row]
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(moment, "strftime") else str(moment)


def named_series(
    repository: Repository, symbol: str, timeframe: str | Timeframe | None = None
) -> list[tuple[str, Timeframe]]:
    """Returns one series, or all of a symbol, by name; raises ``DataNotFound`` where a symbol has none."""
    if timeframe is not None:
        return [(symbol, Timeframe.parse(timeframe))]
    repository.path(symbol, Timeframe.H1)  # the name is checked
    found = [name for name in repository.names() if name[0] == symbol]
    if not found:
        stored = sorted({name for name, _ in repository.names()})
        raise DataNotFound("no such series", symbol=symbol, expected=f"a stored one: {some_of(stored, symbol)}")
    return found


def delete_series(
    repository: Repository, symbol: str, timeframe: str | Timeframe | None = None
) -> list[tuple[str, Timeframe]]:
    """Removes one series, or all of a symbol, and says which; raises ``DataNotFound`` where there is none."""
    gone = named_series(repository, symbol, timeframe)
    for name in gone:
        repository.delete(*name)
    return gone


def resample_series(
    repository: Repository,
    symbol: str,
    timeframe: str | Timeframe,
    *,
    source: str | Timeframe | None = None,
    replace: bool = False,
) -> BarSeries:
    """Stores a series made from a finer one: ``source``, else the finest that fits.

    Raises ``DataNotFound``, ``DataResampleGrid``, ``DataExists`` over a real series without ``replace`` (one made
    from made-up bars never replaces a real one), ``ArgumentInvalid`` where the source is not finer.
    """
    length = Timeframe.parse(timeframe)
    if source is None:
        finer = finest_fitting(repository, symbol, length)
    else:
        finer = repository.load(symbol, Timeframe.parse(source))
    made = resample(finer, length)
    if repository.has(symbol, length) and not repository.provenance(symbol, length).synthetic:
        synthetic = made.provenance.synthetic
        if synthetic or not replace:
            hint = "made-up bars never replace real ones" if synthetic else "--replace puts the new one in its place"
            raise DataExists("a real series is stored already", symbol=symbol, timeframe=length.value, hint=hint)
    repository.store(made)
    return made

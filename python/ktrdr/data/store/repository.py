"""Stored series: a folder of Parquet files `SYMBOL_TIMEFRAME.parquet`, each with a sidecar of its provenance."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import polars as pl

from ktrdr._types import Floats, Json, Stamps
from ktrdr.data.audit import PRICES, audit, check_spacing, refusal
from ktrdr.data.bars import BarSeries, Provenance, content_hash
from ktrdr.data.frames import context_of, floats_of, opens_of
from ktrdr.data.store.files import appear, check_rows
from ktrdr.errors import ArgumentInvalid, DataChanged, DataEmpty, DataNotFound, DataParse, OutputNotWritable
from ktrdr.settings import data_root
from ktrdr.text import some_of
from ktrdr.time import Timeframe

_SYMBOL = re.compile(r"(?!CONTEXT-)[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_CONTEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HOW_TO_GET_BARS = "`ktrdr data import` brings bars in, `ktrdr data sample` makes some up"
_SIDECAR_HASH = "sidecar_hash"
_PAUSES_S = (0.05, 0.2)
STORED = ("timestamp", *PRICES, "volume", "half_spread", "conversion_rate")


class BarSource(Protocol):
    """A source of bars for a run: stored series, or frames given in their place."""

    def stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        """Returns every bar's open, ``[n_bars, int64, ns UTC]``; raises ``DataNotFound``."""

    def rows(self, symbol: str, timeframe: Timeframe, first: int, stop: int) -> BarSeries:
        """Returns the bars ``first`` up to, not including, ``stop``."""

    def context(self, context_id: str) -> tuple[Stamps, Floats]:
        """Returns an external series: the instant at which each value became known, and the value."""


def check_symbol(symbol: str) -> str:
    """Returns the symbol if it may name a file; raises ``ArgumentInvalid``.

    >>> check_symbol("EURUSD-BID")
    'EURUSD-BID'
    """
    if not (isinstance(symbol, str) and _SYMBOL.fullmatch(symbol)):
        expected = "a letter or digit, then up to 31 of letters, digits, . _ -"
        raise ArgumentInvalid("not a symbol", where="symbol", found=symbol, expected=expected)
    return symbol


class _Known(NamedTuple):
    """Stamps read once, for as long as the file stays the same."""

    mtime_ns: int
    size: int
    stamps: Stamps


class Repository:
    """Series on disk beneath ``root``; names are checked before they touch the file system.

    Stamps are kept once read, for as long as their file stays the same: its size and its time of change, to the
    nanosecond. Then the bars are compared with the hash that their import has noted, too. Columns read for that are
    handed to the next call of `rows`, which need not read them again.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = data_root() if root is None else root
        self._known: dict[Path, _Known] = {}
        self._compared: dict[Path, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"Repository({str(self.root)!r})"

    @property
    def models_dir(self) -> Path:
        """The folder of model bundles."""
        return self.root / "models"

    def path(self, symbol: str, timeframe: Timeframe) -> Path:
        """Returns the file of a series, whether or not it is there."""
        return self.root / f"{check_symbol(symbol)}_{Timeframe.parse(timeframe).value}.parquet"

    def names(self) -> list[tuple[str, Timeframe]]:
        """Returns every stored series, by symbol, then by timeframe."""
        found = []
        for file in self.root.glob("*.parquet"):
            symbol, _, timeframe = file.stem.rpartition("_")
            if _SYMBOL.fullmatch(symbol) and timeframe in list(Timeframe) and self._holds(file):
                found.append((symbol, Timeframe(timeframe)))
        return sorted(found, key=lambda name: (name[0], name[1].seconds))

    def has(self, symbol: str, timeframe: Timeframe) -> bool:
        """Returns True if the series is stored."""
        return self._holds(self.path(symbol, timeframe))

    def stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        """Returns every stored bar's open, ``[n_bars, int64, ns UTC]``, in order and spaced as the timeframe has it.

        Raises ``DataNotFound``, ``DataChanged``, or the ``DataError`` leaf of a file that breaks a rule.
        """
        file = self._require(symbol, timeframe)
        facts = file.stat()
        known = self._known.get(file)
        if known is None or (known.mtime_ns, known.size) != (facts.st_mtime_ns, facts.st_size):
            columns = self._imported(symbol, timeframe)
            stamps = self._stamps(symbol, timeframe) if columns is None else columns["timestamp"]
            _check_stamps(stamps, symbol, timeframe)
            known = self._known[file] = _Known(facts.st_mtime_ns, facts.st_size, stamps)
            if columns is not None:
                self._compared[file] = columns
        return known.stamps

    def rows(self, symbol: str, timeframe: Timeframe, first: int, stop: int) -> BarSeries:
        """Returns the stored bars ``first`` up to, not including, ``stop``; only those are kept, and checked."""
        self.stamps(symbol, timeframe)  # the spacing of bars is a property of the whole series
        whole = self._compared.pop(self.path(symbol, timeframe), None)
        columns = self._columns(symbol, timeframe, (first, stop)) if whole is None else _cut(whole, first, stop)
        if len(columns["timestamp"]) == 0:
            raise DataEmpty("no bars", symbol=symbol, timeframe=timeframe.value)
        return BarSeries(symbol, timeframe, provenance=self.provenance(symbol, timeframe), **columns)

    def _stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        return opens_of(self.raw(symbol, timeframe, ("timestamp",))["timestamp"], timeframe, symbol)

    def _columns(self, symbol: str, timeframe: Timeframe, rows: tuple[int, int] | None = None) -> dict[str, Any]:
        """Returns stamps and the other stored columns of a series, or of some of its rows, unchecked."""
        frame = self.raw(symbol, timeframe, STORED, rows)
        columns: dict[str, Any] = {"timestamp": opens_of(frame["timestamp"], timeframe, symbol)}
        return columns | {name: floats_of(frame[name], name, symbol) for name in STORED[1:] if name in frame.columns}

    def load(self, symbol: str, timeframe: Timeframe) -> BarSeries:
        """Returns the whole series, checked."""
        return self.rows(symbol, timeframe, 0, len(self.stamps(symbol, timeframe)))

    def raw(
        self,
        symbol: str,
        timeframe: Timeframe,
        names: tuple[str, ...] | None = None,
        rows: tuple[int, int] | None = None,
    ) -> pl.DataFrame:
        """Returns the file's columns of these names, all by default, and rows, unchecked; raises ``DataParse``."""
        file = self._require(symbol, timeframe)
        try:
            check_rows(file)
            lazy = pl.scan_parquet(file)
            if names is not None:
                there = lazy.collect_schema().names()
                lazy = lazy.select([name for name in names if name in there])
            if rows is not None:
                lazy = lazy.slice(rows[0], max(rows[1] - rows[0], 0))
            frame = lazy.collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            found = str(error).partition("\n")[0]
            raise DataParse("the file cannot be read as Parquet", where=file.name, found=found) from None
        missing = [name for name in STORED[:5] if (names is None or name in names) and name not in frame.columns]
        if missing:
            found = ", ".join(frame.columns)
            raise DataParse("a column is missing", where=file.name, found=found, expected=missing[0])
        return frame

    def context(self, context_id: str) -> tuple[Stamps, Floats]:
        """Reads ``CONTEXT-<id>.parquet``: timestamp (when the value became known) and value."""
        if not _CONTEXT.fullmatch(context_id):
            raise ArgumentInvalid("not a name", where="data_source", found=context_id, expected=_CONTEXT.pattern)
        file = self.root / f"CONTEXT-{context_id}.parquet"
        if not self._holds(file):
            hint = "put its columns timestamp (when the value became known) and value there"
            raise DataNotFound("no such context series", where=file.name, hint=hint)
        try:
            check_rows(file)
            frame = pl.read_parquet(file)
        except pl.exceptions.PolarsError as error:
            found = str(error).partition("\n")[0]
            raise DataParse("the file cannot be read as Parquet", where=file.name, found=found) from None
        return context_of(frame, file.name)

    def provenance(self, symbol: str, timeframe: Timeframe) -> Provenance:
        """Returns the origin that the sidecar notes; a file without one counts as real."""
        facts = self.sidecar(symbol, timeframe)
        finer = facts.get("resampled_from")
        source = str(facts.get("source", "file"))
        return Provenance(bool(facts.get("synthetic", False)), source, Timeframe.parse(finer) if finer else None)

    def sidecar(self, symbol: str, timeframe: Timeframe) -> Mapping[str, Any]:
        """Returns the sidecar of a series, empty where there is none; raises ``DataParse``.

        Sidecars of older imports have no own hash, and are taken as they are.
        """
        file = self.path(symbol, timeframe).with_suffix(".json")
        try:
            facts = json.loads(file.read_text()) if self._holds(file) else {}
        except ValueError:
            facts = None
        if not isinstance(facts, dict):
            raise DataParse("the sidecar is not a JSON object", where=file.name, hint="import the series again")
        if facts.pop(_SIDECAR_HASH, None) not in (None, _hash_of_sidecar(facts)):
            raise DataParse(
                "the sidecar is not the one that was written", where=file.name, hint="import the series again"
            )
        return facts

    def store(
        self, series: BarSeries, *, others: pl.DataFrame | None = None, notes: Mapping[str, Any] | None = None
    ) -> Path:
        """Writes a series, further columns of the same rows, and its sidecar; each file appears whole or not at all."""
        file = self.path(series.symbol, series.timeframe)
        frame = series.to_frame()
        if others is not None:
            frame = frame.hstack(others.select(pl.exclude(frame.columns)))
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputNotWritable("no data folder", where=self.root.name, found=error.strerror) from None
        if not series.provenance.synthetic and self.provenance(series.symbol, series.timeframe).synthetic:
            # Stopped half-way, made-up bars must not lie beside a sidecar that says real.
            file.unlink(missing_ok=True)
        facts = _facts(series) | dict(notes or {})
        sidecar = json.dumps(facts | {_SIDECAR_HASH: _hash_of_sidecar(facts)}, indent=1) + "\n"
        appear({file.with_suffix(".json"): lambda part: part.write_text(sidecar), file: frame.write_parquet})
        return file

    def _imported(self, symbol: str, timeframe: Timeframe) -> dict[str, Any] | None:
        """Returns the columns of a series if its bars are those that were imported; None if nothing is known of that.

        Raises ``DataChanged`` for others, and the fault of bars that are no bars any more.
        """
        for pause_s in (*_PAUSES_S, None):
            recorded = self.sidecar(symbol, timeframe).get("content_hash")
            if recorded is None:
                return None
            columns = self._columns(symbol, timeframe)
            if content_hash(columns) == recorded:
                return columns
            if pause_s is not None:  # an import that runs beside replaces sidecar and bars one after the other
                time.sleep(pause_s)
        _check_stamps(columns["timestamp"], symbol, timeframe)
        BarSeries(symbol, timeframe, **columns)
        raise DataChanged(
            "the bars are not those that were imported",
            symbol=symbol,
            timeframe=timeframe.value,
            hint="import the series again, with --replace",
        )

    def delete(self, symbol: str, timeframe: Timeframe) -> None:
        """Removes a series and its sidecar; raises ``DataNotFound``."""
        file = self._require(symbol, timeframe)
        file.unlink()
        file.with_suffix(".json").unlink(missing_ok=True)

    def _holds(self, file: Path) -> bool:
        """Returns True if the file is there, and no symlink leads out of the folder."""
        return file.is_file() and file.resolve().is_relative_to(self.root.resolve())

    def _require(self, symbol: str, timeframe: Timeframe) -> Path:
        file = self.path(symbol, timeframe)
        if self._holds(file):
            return file
        names = self.names()
        mine = [length for name, length in names if name == symbol]
        stored = [f"{symbol} {length.value}" for length in mine] or sorted({name for name, _ in names})
        expected = f"a stored one: {some_of(stored, symbol)}"
        finer = any(length < timeframe for length in mine)
        hint = "`ktrdr data resample` (or --resample in a run) makes it from a finer one" if finer else _HOW_TO_GET_BARS
        raise DataNotFound("no such series", symbol=symbol, timeframe=timeframe.value, expected=expected, hint=hint)


def _cut(columns: Mapping[str, Any], first: int, stop: int) -> dict[str, Any]:
    """Returns some rows of columns: copies, so that few rows of a long series do not keep all of it in memory."""
    if first == 0 and stop >= len(columns["timestamp"]):
        return dict(columns)
    return {name: column[first:stop].copy() for name, column in columns.items()}


def _check_stamps(stamps: Stamps, symbol: str, timeframe: Timeframe) -> None:
    if len(stamps) == 0:
        raise DataEmpty("no bars", symbol=symbol, timeframe=timeframe.value)
    if (np.diff(stamps) <= 0).any():
        # A flat price lets the audit judge the stamps alone.
        raise refusal(audit(stamps, dict.fromkeys(PRICES, np.ones(len(stamps)))), symbol=symbol or None)
    check_spacing(stamps, timeframe, symbol)


def _hash_of_sidecar(facts: Json) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _facts(series: BarSeries) -> dict[str, Any]:
    provenance = series.provenance
    return {
        "synthetic": provenance.synthetic,
        "source": provenance.source,
        "resampled_from": provenance.resampled_from,
        "rows": len(series),
        "content_hash": content_hash({name: getattr(series, name) for name in STORED}),
    }


@dataclass(frozen=True)
class MemoryBars:
    """Frames that stand in for the stored series of one symbol."""

    series: Mapping[Timeframe, BarSeries]
    symbol: str

    @classmethod
    def of(cls, bars: Mapping[str, Any], symbol: str) -> MemoryBars:
        """Makes a source of ``{"1h": frame, ...}``: frames as ``BarSeries.from_frame`` takes them, or a ``BarSeries``.

        Raises ``ArgumentInvalid`` for a series under another timeframe's name.
        """
        if not isinstance(bars, Mapping):
            expected = "frames by timeframe, as {'1h': frame}"
            raise ArgumentInvalid("not bars", where="bars", found=type(bars).__name__, expected=expected)
        made = {}
        for name, frame in bars.items():
            timeframe = Timeframe.parse(name)
            made[timeframe] = frame if isinstance(frame, BarSeries) else BarSeries.from_frame(frame, symbol, timeframe)
            if made[timeframe].timeframe is not timeframe:
                found = made[timeframe].timeframe.value
                raise ArgumentInvalid("bars of another timeframe", where="bars", found=found, expected=name)
        return cls(made, symbol)

    def stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        """Returns every bar's open, ``[n_bars, int64, ns UTC]``; raises ``DataNotFound``."""
        return self._require(symbol, timeframe).timestamp

    def rows(self, symbol: str, timeframe: Timeframe, first: int, stop: int) -> BarSeries:
        """Returns the bars ``first`` up to, not including, ``stop``."""
        return self._require(symbol, timeframe).rows(first, stop)

    def context(self, context_id: str) -> tuple[Stamps, Floats]:
        """Raises ``DataNotFound``: none are given with frames."""
        raise DataNotFound("no such context series", where=f"CONTEXT-{context_id}.parquet")

    def _require(self, symbol: str, timeframe: Timeframe) -> BarSeries:
        if symbol == self.symbol and timeframe in self.series:
            return self.series[timeframe]
        expected = "one that was given: " + ", ".join(f"{self.symbol} {name.value}" for name in self.series)
        raise DataNotFound("no such series", symbol=symbol, timeframe=timeframe.value, expected=expected)

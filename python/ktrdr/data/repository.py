"""Stored series: a folder of Parquet files `SYMBOL_TIMEFRAME.parquet`, each with a sidecar of its provenance."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from ktrdr.data.bars import EXTRAS, PRICES, BarSeries, Floats, Provenance, Stamps
from ktrdr.errors import ArgumentInvalid, DataNotFound
from ktrdr.values import Timeframe

_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


class BarSource(Protocol):
    """Where a run's bars come from: stored series, or frames given in their place."""

    def stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        """Every bar's open, ``[n_bars, int64, ns UTC]``; raises ``DataNotFound``."""

    def rows(self, symbol: str, timeframe: Timeframe, first: int, stop: int) -> BarSeries:
        """The bars ``first`` up to, not including, ``stop``."""

    def context(self, context_id: str) -> tuple[Stamps, Floats]:
        """An external series: when each value became known, and the value."""


def check_symbol(symbol: str) -> str:
    """The symbol, if it may name a file; raises ``ArgumentInvalid``."""
    if not _SYMBOL.fullmatch(symbol):
        raise ArgumentInvalid("not a symbol", where="symbol", found=symbol, expected=_SYMBOL.pattern)
    return symbol


def data_root() -> Path:
    """``KTRDR_DATA_DIR``, else a folder under the user's data folder."""
    if given := os.environ.get("KTRDR_DATA_DIR"):
        return Path(given)
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "ktrdr"


@dataclass(frozen=True)
class Repository:
    """Series on disk beneath ``root``."""

    root: Path = field(default_factory=data_root)
    _stamps: dict[tuple[Path, int, int], Stamps] = field(default_factory=dict, repr=False, compare=False)

    @property
    def models_dir(self) -> Path:
        """Where model bundles lie."""
        return self.root / "models"

    def path(self, symbol: str, timeframe: Timeframe) -> Path:
        """The file of a series, whether or not it is there."""
        return self.root / f"{check_symbol(symbol)}_{timeframe.value}.parquet"

    def names(self) -> list[tuple[str, Timeframe]]:
        """Every stored series, by symbol, then by timeframe."""
        found = []
        for file in self.root.glob("*.parquet"):
            symbol, _, timeframe = file.stem.rpartition("_")
            if _SYMBOL.fullmatch(symbol) and timeframe in list(Timeframe):
                found.append((symbol, Timeframe(timeframe)))
        return sorted(found, key=lambda name: (name[0], name[1].seconds))

    def stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        """Every stored bar's open, ``[n_bars, int64, ns UTC]``; raises ``DataNotFound``."""
        file = self._require(symbol, timeframe)
        facts = file.stat()
        key = (file, facts.st_mtime_ns, facts.st_size)
        if key not in self._stamps:
            column = pl.read_parquet(file, columns=["timestamp"])["timestamp"]
            self._stamps[key] = column.dt.cast_time_unit("ns").to_physical().to_numpy()
        return self._stamps[key]

    def rows(self, symbol: str, timeframe: Timeframe, first: int, stop: int) -> BarSeries:
        """The stored bars ``first`` up to, not including, ``stop``; only those are read."""
        file = self._require(symbol, timeframe)
        lazy = pl.scan_parquet(file)
        wanted = [name for name in ("timestamp", *PRICES, *EXTRAS) if name in lazy.collect_schema().names()]
        frame = lazy.select(wanted).slice(first, max(stop - first, 0)).collect()
        return BarSeries.from_frame(frame, symbol, timeframe, self.provenance(symbol, timeframe))

    def load(self, symbol: str, timeframe: Timeframe) -> BarSeries:
        """The whole series."""
        return self.rows(symbol, timeframe, 0, len(self.stamps(symbol, timeframe)))

    def context(self, context_id: str) -> tuple[Stamps, Floats]:
        """``CONTEXT-<id>.parquet``: timestamp (when the value became known) and value."""
        file = self.root / f"CONTEXT-{check_symbol(context_id)}.parquet"
        if not file.exists():
            raise DataNotFound(
                "no such context series", where=file.name, hint="put timestamp and value columns into it"
            )
        frame = pl.read_parquet(file, columns=["timestamp", "value"])
        stamps = frame["timestamp"].dt.cast_time_unit("ns").to_physical().to_numpy()
        return stamps, frame["value"].cast(pl.Float64).to_numpy()

    def provenance(self, symbol: str, timeframe: Timeframe) -> Provenance:
        """What the sidecar says of a series."""
        sidecar = self.path(symbol, timeframe).with_suffix(".json")
        facts: Mapping[str, Any] = json.loads(sidecar.read_text()) if sidecar.exists() else {}
        coarse = facts.get("resampled_from")
        source = str(facts.get("source", "file"))
        return Provenance(bool(facts.get("synthetic", False)), source, Timeframe(coarse) if coarse else None)

    def store(self, series: BarSeries) -> Path:
        """Writes a series and its sidecar; each file appears whole or not at all."""
        self.root.mkdir(parents=True, exist_ok=True)
        file = self.path(series.symbol, series.timeframe)
        provenance = series.provenance
        facts = {
            "synthetic": provenance.synthetic,
            "source": provenance.source,
            "resampled_from": provenance.resampled_from,
            "rows": len(series),
            "content_hash": series.content_hash(),
        }
        _appear(file, lambda part: series.to_frame().write_parquet(part))
        _appear(file.with_suffix(".json"), lambda part: part.write_text(json.dumps(facts, indent=1) + "\n"))
        return file

    def delete(self, symbol: str, timeframe: Timeframe) -> None:
        """Removes a series and its sidecar; raises ``DataNotFound``."""
        file = self._require(symbol, timeframe)
        file.unlink()
        file.with_suffix(".json").unlink(missing_ok=True)

    def _require(self, symbol: str, timeframe: Timeframe) -> Path:
        file = self.path(symbol, timeframe)
        if file.exists():
            return file
        stored = ", ".join(f"{name} {length.value}" for name, length in self.names()) or "none"
        raise DataNotFound(
            "no such series", symbol=symbol, timeframe=timeframe.value, found=f"stored: {stored}",
            hint="`ktrdr data import` brings bars in, `ktrdr data sample` makes some up",
        )  # fmt: skip


def _appear(file: Path, write: Any) -> None:
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        write(part)
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True)
class MemoryBars:
    """Frames that stand in for the stored series of one symbol."""

    series: Mapping[Timeframe, BarSeries]

    @classmethod
    def of(cls, bars: Mapping[str, Any], symbol: str) -> MemoryBars:
        """From ``{"1h": frame, ...}``; frames as ``BarSeries.from_frame`` takes them."""
        made = {}
        for name, frame in bars.items():
            timeframe = Timeframe.parse(name)
            given = isinstance(frame, BarSeries)
            made[timeframe] = frame if given else BarSeries.from_frame(frame, symbol, timeframe)
        return cls(made)

    def stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        """Every bar's open."""
        return self._require(symbol, timeframe).timestamp

    def rows(self, symbol: str, timeframe: Timeframe, first: int, stop: int) -> BarSeries:
        """The bars ``first`` up to, not including, ``stop``."""
        return self._require(symbol, timeframe).rows(first, stop)

    def context(self, context_id: str) -> tuple[Stamps, Floats]:
        """None are given with frames."""
        raise DataNotFound("no such context series", where=f"CONTEXT-{context_id}.parquet")

    def _require(self, symbol: str, timeframe: Timeframe) -> BarSeries:
        if timeframe in self.series:
            return self.series[timeframe]
        given = ", ".join(name.value for name in self.series)
        raise DataNotFound("no such series", symbol=symbol, timeframe=timeframe.value, found=f"given: {given}")

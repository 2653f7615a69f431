"""Tables that a paper run continues from: bars with actions, and the longer bars at its start."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ktrdr.backtesting.job.stored import segments_of
from ktrdr.data.audit import PRICES
from ktrdr.data.bars import EXTRAS, BarSeries, Provenance
from ktrdr.decision.engine import Held
from ktrdr.decision.job.snapshot import PaperState
from ktrdr.decision.start import Loaded
from ktrdr.errors import SnapshotCorrupt
from ktrdr.operations.models import Segment
from ktrdr.operations.store.store import Store
from ktrdr.time import Timeframe

_BARS = ("timestamp", *PRICES, *EXTRAS)


def bars_frame(bars: BarSeries) -> pl.DataFrame:
    """Returns bars as a frame whose stamps are ns UTC."""
    return pl.DataFrame({name: column for name in _BARS if (column := getattr(bars, name)) is not None})


def series_of(frame: pl.DataFrame, symbol: str, timeframe: Timeframe, provenance: Provenance) -> BarSeries:
    """Returns the bars of a frame that `bars_frame` made, checked."""
    columns: dict[str, Any] = {name: frame[name].to_numpy() for name in _BARS[1:] if name in frame.columns}
    return BarSeries(symbol, timeframe, frame["timestamp"].to_numpy(), provenance=provenance, **columns)


def held_frame(held: Held, first: int) -> pl.DataFrame:
    """Returns the bars from row ``first`` of ``held.recent`` on, with their actions; none before the anchor."""
    lead = held.loaded.lead_rows
    nothing = (np.zeros(lead, np.int8), np.full(lead, np.nan, np.float32), np.zeros(lead, bool))
    columns = zip(("signal", "sure", "forced"), nothing, held.actions, strict=True)
    # A view of the account's columns must not change under the frame.
    actions = {name: np.concatenate([before, values])[first:] for name, before, values in columns}
    return bars_frame(held.recent.rows(first, len(held.recent))).with_columns(**actions)


def longer_frame(loaded: Loaded) -> pl.DataFrame:
    """Returns the longer bars at the start of a run, with their timeframe."""
    frames = [bars_frame(bars).with_columns(timeframe=pl.lit(name.value)) for name, bars in loaded.longer.items()]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()


def held_of(state: PaperState, tables: Mapping[str, pl.DataFrame], symbol: str, timeframe: Timeframe) -> Held:
    """Returns the run of a state and its tables."""
    frame = tables["held"]
    provenance = Provenance(synthetic=state.synthetic)
    recent = series_of(frame, symbol, timeframe, provenance)
    longer: dict[Timeframe, BarSeries] = {}
    if "longer" in tables:
        for (name,), part in tables["longer"].group_by("timeframe", maintain_order=True):
            known = part.drop("timeframe")
            known = known.select([column for column in known.columns if known[column].null_count() == 0])
            longer[Timeframe(str(name))] = series_of(known, symbol, Timeframe(str(name)), provenance)
    assert state.start_row is not None
    assert state.first_simulated is not None
    loaded = Loaded(recent, state.lead_rows, longer, state.start_row, state.first_simulated)
    signals, sure, forced = (
        frame[name].to_numpy(writable=True)[state.lead_rows :] for name in ("signal", "sure", "forced")
    )
    for row, (signal, confidence, flag) in state.amended.items():
        signals[int(row)] = signal
        sure[int(row)] = np.nan if confidence is None else confidence
        forced[int(row)] = flag
    return Held(loaded, recent, (signals, sure, forced))


def new_rows(name: str, first: int, frame: pl.DataFrame) -> list[Segment]:
    """Returns the rows of a table from number ``first`` on, as they are stored."""
    return list(segments_of(name, first, frame)) if frame.height else []


def read_tables(
    store: Store, operation_id: str, names: Sequence[str], generation: int | None, rows: Mapping[str, int]
) -> dict[str, pl.DataFrame]:
    """Returns those tables that have rows; ``SnapshotCorrupt`` where one has other rows than were saved."""
    found = {}
    for name in names:
        frames = [pl.read_ipc(io.BytesIO(one.data)) for one in store.segments(operation_id, name, generation)]
        frame = pl.concat(frames, rechunk=True) if frames else pl.DataFrame()
        if frame.height != rows.get(name, 0):
            where = f"{operation_id}: {name}"
            raise SnapshotCorrupt("rows are missing", where=where, found=frame.height, expected=rows.get(name, 0))
        if frame.height:
            found[name] = frame
    return found

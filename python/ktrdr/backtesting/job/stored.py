"""Ledgers in the store: rows as Arrow IPC, appended with each save, read back as whole frames."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import polars as pl

from ktrdr.errors import NotCompleted, SnapshotCorrupt
from ktrdr.operations.models import Outcome, Segment
from ktrdr.operations.store.store import Store
from ktrdr.simulation.ledger_frames import SCHEMAS

ROWS_PER_SEGMENT = 1_000_000


def encode(frame: pl.DataFrame) -> bytes:
    """Rows of a ledger as an Arrow IPC file."""
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="lz4")
    return buffer.getvalue()


def segments_of(kind: str, first: int, frame: pl.DataFrame) -> Iterator[Segment]:
    """The rows from number ``first`` on, in pieces that any database takes as one value.

    >>> [(part.seq_from, part.seq_to) for part in segments_of("fills", 7, pl.DataFrame({"bar": [1, 2]}))]
    [(7, 9)]
    """
    for piece in frame.iter_slices(ROWS_PER_SEGMENT):
        yield Segment(kind, first, first + piece.height, encode(piece))
        first += piece.height


def ledger(store: Store, operation_id: str, upto_generation: int | None = None) -> dict[str, pl.DataFrame]:
    """Every ledger by name, all of it or up to a generation; ``SnapshotCorrupt`` names a row that is missing."""
    return {kind: frame_of(store, operation_id, kind, upto_generation) for kind in SCHEMAS}


def frame_of(store: Store, operation_id: str, kind: str, upto_generation: int | None = None) -> pl.DataFrame:
    """One ledger."""
    frames, row = [pl.DataFrame(schema=SCHEMAS[kind])], 0
    for segment in store.segments(operation_id, kind, upto_generation):
        frame = pl.read_ipc(io.BytesIO(segment.data))
        if segment.seq_from != row or frame.height != segment.seq_to - row:
            raise SnapshotCorrupt("rows are missing", where=f"{operation_id}: ledger {kind}", found=f"row {row}")
        frames.append(frame)
        row = segment.seq_to
    return pl.concat(frames)


class StoredResults:
    """A completed backtest read back from the store, with the names of ``BacktestResults``; ledgers when touched.

    Raises ``NotCompleted`` where there is no result yet.
    """

    def __init__(self, store: Store, operation_id: str) -> None:
        self._store, self.operation_id = store, operation_id
        found = store.outcome(operation_id)
        if found is None:
            status = store.get(operation_id).status
            raise NotCompleted("it has no result yet", operation=operation_id, found=status.value, expected="completed")
        self._outcome: Outcome = found

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Every metric by name; None where it is undefined."""
        return self._outcome.metrics

    @property
    def undefined(self) -> Mapping[str, str]:
        """Why a metric is None."""
        return self._outcome.undefined

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the run was."""
        return self._outcome.manifest

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line each."""
        return self._outcome.warnings

    @property
    def result_hash(self) -> str:
        """BLAKE3 over ledger and metrics."""
        return self._outcome.result_hash

    @property
    def identity(self) -> str:
        """One hash over all inputs, as hex."""
        return self._outcome.identity

    @cached_property
    def equity(self) -> pl.DataFrame:
        """One row a simulated bar."""
        return self._frame("equity")

    @cached_property
    def trades(self) -> pl.DataFrame:
        """Closed round trips."""
        return self._frame("trades")

    @cached_property
    def fills(self) -> pl.DataFrame:
        """Every fill."""
        return self._frame("fills")

    @cached_property
    def refused(self) -> pl.DataFrame:
        """Orders that were not filled, with their reason."""
        return self._frame("refused")

    @cached_property
    def decisions(self) -> pl.DataFrame:
        """One row a simulated bar: raw signal, confidence, what became of it."""
        return self._frame("decisions")

    def _frame(self, kind: str) -> pl.DataFrame:
        return frame_of(self._store, self.operation_id, kind)

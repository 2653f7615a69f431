"""Ledgers and results in the store: rows as Arrow IPC, appended with each save, read back as whole frames."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import polars as pl

from ktrdr.backtesting.results import BacktestResults, RunIdentity
from ktrdr.errors import SnapshotCorrupt
from ktrdr.operations.kind import completed
from ktrdr.operations.models import Segment
from ktrdr.operations.store.store import Store
from ktrdr.simulation.ledger import SCHEMAS, TABLES, TableName
from ktrdr.simulation.result import Block

ROWS_PER_SEGMENT = 1_000_000
_COMPUTED = frozenset({"identity", "parts", "conventions", "warnings"})
"""Keys of a manifest that a result computes from its other fields."""


def encode(frame: pl.DataFrame) -> bytes:
    """Returns rows of a ledger as an Arrow IPC file."""
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="lz4")
    return buffer.getvalue()


def segments_of(kind: str, first: int, frame: pl.DataFrame) -> Iterator[Segment]:
    """Yields the rows from number ``first`` on, in pieces that any database takes as one value.

    >>> [(part.seq_from, part.seq_to) for part in segments_of("fills", 7, pl.DataFrame({"bar": [1, 2]}))]
    [(7, 9)]
    """
    for piece in frame.iter_slices(ROWS_PER_SEGMENT):
        yield Segment(kind, first, first + piece.height, encode(piece))
        first += piece.height


def ledger(store: Store, operation_id: str, upto_generation: int | None = None) -> dict[str, pl.DataFrame]:
    """Returns every table by name, whole or up to a generation; ``SnapshotCorrupt`` names a row that is missing."""
    return {kind: frame_of(store, operation_id, kind, upto_generation) for kind in TABLES}


def frame_of(store: Store, operation_id: str, kind: TableName, upto_generation: int | None = None) -> pl.DataFrame:
    """Returns one table, whole or up to a generation; ``SnapshotCorrupt`` names a row that is missing."""
    frames = [pl.DataFrame(schema=SCHEMAS[kind])]
    row = 0
    for segment in store.segments(operation_id, kind, upto_generation):
        frame = pl.read_ipc(io.BytesIO(segment.data))
        if segment.seq_from != row or frame.height != segment.seq_to - row:
            raise SnapshotCorrupt("rows are missing", where=f"{operation_id}: ledger {kind}", found=f"row {row}")
        frames.append(frame)
        row = segment.seq_to
    # In one chunk, as a run leaves them: polars adds up chunk by chunk, so sums would differ in their last bits.
    return pl.concat(frames, rechunk=True)


def equity_so_far(store: Store, operation_id: str) -> pl.DataFrame:
    """Returns time and equity of the bars that are saved so far, whatever the status of the operation."""
    names = ["time", "equity"]
    frames = [pl.read_ipc(io.BytesIO(it.data), columns=names) for it in store.segments(operation_id, "equity")]
    return pl.concat([pl.DataFrame(schema=SCHEMAS["equity"]).select(names), *frames])


@dataclass(frozen=True, eq=False)
class StoredLedger:
    """Frames of a completed operation, read from the store when first asked for, and the hash stored with them."""

    store: Store
    operation_id: str
    hash: str

    def frame(self, table: TableName) -> pl.DataFrame:
        """Returns one table of the ledger."""
        return frame_of(self.store, self.operation_id, table)

    def result_hash(self) -> str:
        """Returns the hash over the run's ledger and metrics, as hex."""
        return self.hash


def stored_results(store: Store, operation_id: str) -> BacktestResults:
    """Returns the result of a completed backtest; its frames are read when first asked for.

    Args:
        store: database of the operation.
        operation_id: its id, the start of it, or ``latest``.

    Raises:
        NotFound: there is no such operation.
        ReferenceAmbiguous: several operations begin so.
        NotCompleted: it has no result yet.
    """
    operation_id = store.find_id(operation_id)
    found = completed(store, operation_id)
    manifest = found.manifest
    summary = found.summary
    blocks = summary.get("blocks")
    return BacktestResults(
        metrics=summary["metrics"],
        undefined=summary["undefined"],
        conventions=manifest["conventions"],
        warnings=found.warnings,
        source=StoredLedger(store, operation_id, found.result_hash),
        signal_counts=summary["signals"],
        blocks=None if blocks is None else tuple(Block(*block) for block in blocks),
        open_position=summary.get("open_position"),
        rules=manifest["rules"],
        facts={key: value for key, value in manifest.items() if key not in _COMPUTED},
        identify=partial(RunIdentity, found.identity, manifest["parts"]),
    )

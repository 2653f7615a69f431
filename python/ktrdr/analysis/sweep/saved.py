"""A sweep between two chunks, as an operation saves it: a small state, and the scenarios so far beside it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl
from polars import selectors

from ktrdr import _core
from ktrdr.analysis.sweep.chunks import BLOCK_SHAPE, Chunk
from ktrdr.backtesting.identity import Parts
from ktrdr.backtesting.job.stored import segments_of
from ktrdr.errors import IdentityMismatch, SnapshotCorrupt
from ktrdr.operations.models import Segment, Trial
from ktrdr.operations.store.store import Store

TABLE: Final = "scenarios"
VERSION: Final = 1
_BLOCKS: Final = "returns_in_blocks"


@dataclass(frozen=True)
class SweepState:
    """The state of a sweep between two chunks; also its own opened snapshot.

    Args:
        bar: number of the scenarios that are done.
        parts: the hash of each input, by name.
    """

    bar: int
    parts: Parts

    @property
    def identity(self) -> bytes:
        """Returns one hash over all inputs."""
        return _core.identity(self.parts)

    @property
    def lineage(self) -> bytes:
        """Returns the hash that names this snapshot."""
        return bytes(_core.content_hash([self.seal()]))

    def seal(self) -> bytes:
        """Returns the state as bytes, which the store keeps with a checksum."""
        parts = [[name, value.hex()] for name, value in self.parts]
        return json.dumps({"kind": "sweep", "version": VERSION, "bar": self.bar, "parts": parts}).encode()

    @classmethod
    def read(cls, snapshot: bytes) -> SweepState:
        """Returns the state of a snapshot; raises ``SnapshotCorrupt``."""
        try:
            facts: dict[str, Any] = json.loads(snapshot)
            parts = tuple((str(name), bytes.fromhex(value)) for name, value in facts["parts"])
            state = cls(int(facts["bar"]), parts)
            known = facts["kind"] == "sweep" and facts["version"] == VERSION and state.identity
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise SnapshotCorrupt("not the state of a sweep", found=f"{len(snapshot)} bytes")
        return state

    def require_same(self, parts: Parts, operation_id: str) -> None:
        """Passes if the inputs of today are those of the state; ``IdentityMismatch`` names the first that differs."""
        today = dict(parts)
        for name, value in self.parts:
            if today.get(name) != value:
                raise IdentityMismatch(
                    "changed since the sweep was begun", where=operation_id, part=name, hint="restart it, or begin anew"
                )


@dataclass(frozen=True)
class SweepPoint:
    """A sweep after a chunk, as the recorder saves it."""

    state: SweepState
    chunk: Chunk
    tried: Trial
    is_last: bool = False
    is_current: bool = True

    @property
    def bar(self) -> int:
        """Returns the number of the scenarios that are done."""
        return self.state.bar

    def snapshot(self) -> bytes:
        """Returns the state as bytes."""
        return self.state.seal()

    def identity(self) -> bytes:
        """Returns the 32 bytes that stand for all inputs."""
        return self.state.identity

    def segments(self) -> list[Segment]:
        """Returns the rows of the chunk."""
        return _segments(self.chunk)

    def trial(self) -> Trial:
        """Returns the scenarios of the chunk as trials."""
        return self.tried


def _segments(chunk: Chunk) -> list[Segment]:
    """Returns the rows of a chunk as they are stored, with its returns in blocks as one more column."""
    blocks = pl.Series(_BLOCKS, chunk.blocks.reshape(len(chunk.blocks), -1))
    return list(segments_of(TABLE, chunk.first, chunk.table.with_columns(blocks)))


def encoded(chunk: Chunk) -> bytes:
    """Returns a chunk as the bytes of one segment, for a helper to hand in."""
    (segment,) = _segments(chunk)
    return segment.data


def decoded(first: int, data: bytes) -> Chunk:
    """Returns the chunk that a segment holds, whose first scenario has this number."""
    frame = pl.read_ipc(io.BytesIO(data))
    return Chunk(first, frame.drop(_BLOCKS), frame[_BLOCKS].to_numpy().reshape(-1, *BLOCK_SHAPE))


def read_chunks(store: Store, operation_id: str, generation: int | None = None, rows: int | None = None) -> list[Chunk]:
    """Returns the stored chunks in order of their scenarios; ``SnapshotCorrupt`` where they have not ``rows`` in all.

    Chunks are stored in any order, so some may be missing between two of them while the sweep runs.
    """
    segments = store.segments(operation_id, TABLE, generation)
    found = [decoded(segment.seq_from, segment.data) for segment in segments]
    there = sum(chunk.table.height for chunk in found)
    if rows is not None and there != rows:
        raise SnapshotCorrupt("rows are missing", where=f"{operation_id}: {TABLE}", found=there, expected=rows)
    return found


def continued(chunk: Chunk, before: Sequence[Chunk]) -> Chunk:
    """Returns a chunk with the column types of those before it.

    A sweep that was begun by a version whose whole numbers were floats keeps them as floats.
    """
    return replace(chunk, table=chunk.table.cast(before[0].table.schema)) if before else chunk


def hash_of(chunks: Sequence[Chunk]) -> str:
    """Returns one hash over parameters, metrics, errors and blocks of all scenarios, as hex; over values, not bytes."""
    table = pl.concat([chunk.table for chunk in chunks])
    metrics = [table[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in sorted(_core.METRICS)]
    others = table.select(name for name in table.columns if name not in _core.METRICS)
    # 1 and 1.0 are one value of a rule.
    same = others.with_columns((selectors.integer() - selectors.by_name("scenario")).cast(pl.Float64))
    text = json.dumps(same.rows(), separators=(",", ":")).encode()
    blocks = np.concatenate([chunk.blocks for chunk in chunks])
    return bytes(_core.content_hash([text, *metrics, np.ascontiguousarray(blocks.reshape(-1))])).hex()

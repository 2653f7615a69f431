"""The engine's checkpoint callback of an operation: it turns a checkpoint into snapshot and ledger segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from ktrdr.backtesting.checkpoint import Checkpoint
from ktrdr.backtesting.job.stored import segments_of
from ktrdr.backtesting.job.trial import trial_of
from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Segment
from ktrdr.operations.running.recorder import Recorder
from ktrdr.simulation.cursor import LedgerCursor


@dataclass(frozen=True)
class _SavePoint:
    """A backtest between two blocks, as the recorder saves it."""

    checkpoint: Checkpoint
    cursor: LedgerCursor

    @property
    def bar(self) -> int:
        return self.checkpoint.bar

    @property
    def is_last(self) -> bool:
        return self.checkpoint.bar >= self.checkpoint.total_bars

    @property
    def is_current(self) -> bool:
        return self.checkpoint.simulation.next_bar == self.checkpoint.bar

    def snapshot(self) -> bytes:
        return self.checkpoint.snapshot()

    def identity(self) -> bytes:
        return self.checkpoint.identity()

    def segments(self) -> list[Segment]:
        return new_segments(self.cursor)

    def trial(self) -> None:
        return None


class LedgerRecorder:
    """Records a backtest: called by the engine after every block.

    Args:
        recorder: writes snapshots and segments into the store.
        stored_rows: number of rows that the store holds already, by table.
    """

    def __init__(self, recorder: Recorder, stored_rows: Mapping[str, int]) -> None:
        self._recorder = recorder
        self._stored_rows = stored_rows
        self._cursor: LedgerCursor | None = None

    def __call__(self, checkpoint: Checkpoint) -> None:
        """Reports the block, and saves it where a save is due or the run stops."""
        self._recorder.progress.reached(checkpoint.time_ns)
        if self._cursor is None:
            self._cursor = checkpoint.cursor(self._stored_rows)
            self._recorder.record_start(model_id=checkpoint.model_id)
        self._recorder.reach(_SavePoint(checkpoint, self._cursor), stops=checkpoint.cancelled)

    def complete(self, results: BacktestResults, *, is_trial: bool) -> None:
        """Stores the rows since the last save, the result, and the result as a trial where it is one."""
        assert self._cursor is not None
        trial = trial_of(results) if is_trial else None
        self._recorder.complete(results, partial(new_segments, self._cursor), trial=trial)


def new_segments(cursor: LedgerCursor) -> list[Segment]:
    """Returns the rows since the last call, for each table that has any; the cursor moves past them."""
    first = dict(cursor.written)
    return [part for kind, frame in cursor.take().items() for part in segments_of(kind, first[kind], frame)]

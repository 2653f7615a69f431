"""Backtests as operations: a claim goes in, a stored result comes out, whether the run starts or goes on."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrdr import _core
from ktrdr.backtesting.checkpoint import SavedRun
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.job.recorder import Cadence, Recorder
from ktrdr.backtesting.job.stored import ledger
from ktrdr.backtesting.request import BacktestRequest
from ktrdr.backtesting.results import BacktestResults
from ktrdr.control import ProgressBridge
from ktrdr.errors import (
    Cancelled,
    DataNotFound,
    IdentityMismatch,
    InternalError,
    KtrdrError,
    LeaseLost,
    ModelNotFound,
    ProfileMismatch,
    SnapshotCorrupt,
    SnapshotInconsistent,
    StorageError,
)
from ktrdr.operations.models import Claim, Saved
from ktrdr.operations.pool.identity import WorkerHere
from ktrdr.operations.run.cancellation import Token
from ktrdr.operations.run.heartbeat import Heartbeat
from ktrdr.operations.run.progress import Progress
from ktrdr.simulation.ledger import to_columns

if TYPE_CHECKING:
    from ktrdr.operations.store.store import Store

log = logging.getLogger("ktrdr.operations")

_ELSEWHERE = (DataNotFound, ModelNotFound, ProfileMismatch)
"""What another worker may have."""
_DAMAGE = (SnapshotCorrupt, SnapshotInconsistent, IdentityMismatch)
"""What a snapshot and its ledger, read back without bars, are refused for."""


class BacktestWorker:
    """Runs claimed backtests.

    Args:
        store: where the run is written.
        token: asked between blocks whether to stop, and why.
        bridge: where progress is shown besides.
        worker: for which this process runs; None in the foreground, where what is missing is an error.
        cadence: how often the run is saved.
        data_dir: bars and models; by default the data folder.
    """

    def __init__(
        self,
        store: Store,
        *,
        token: Token | None = None,
        bridge: ProgressBridge | None = None,
        worker: WorkerHere | None = None,
        cadence: Cadence | None = None,
        data_dir: Path | None = None,
    ) -> None:
        self._store, self._token, self._bridge = store, token or Token(), bridge
        self._worker, self._cadence, self._data_dir = worker, cadence, data_dir

    def start(self, claim: Claim) -> BacktestResults:
        """From bar 0."""
        return self._run_backtest(claim)

    def resume(self, claim: Claim) -> BacktestResults:
        """From the newest checkpoint that can be read; one that cannot is put aside, and the result says so."""
        claim, saved = self._intact(claim)
        return self._run_backtest(claim, saved)

    def _run_backtest(self, claim: Claim, resume: SavedRun | None = None) -> BacktestResults:
        """The one way of a run: bridge, checkpoints, engine, result, cancellation, failure."""
        operation, progress = claim.operation, Progress(self._bridge)
        recorder = Recorder(
            self._store, claim.lease, self._token, progress, cadence=self._cadence,
            saved_bar=claim.saved.bar if claim.saved else 0,
            written={} if resume is None else {name: frame.height for name, frame in resume.ledger.items()},
        )  # fmt: skip
        with Heartbeat(recorder, progress, self._token):
            try:
                request = BacktestRequest.of_spec(operation.spec)
                model = request.model or operation.model_id
                config = request.config(operation.threads, model, self._data_dir)
                results = _told(BacktestingEngine(config).run(progress, self._token, recorder, resume), claim)
                recorder.complete(results)
                return results
            except Cancelled as stop:
                recorder.stopped()
                raise _resumable(stop, operation.id) from None
            except (LeaseLost, StorageError):
                raise
            except Exception as error:
                raise self._failed(recorder, error) from error
            except BaseException:
                recorder.let_go()
                raise

    def _failed(self, recorder: Recorder, error: Exception) -> KtrdrError:
        """Ends the run: for another worker where that one may have what is missing here, else as failed."""
        known = error if isinstance(error, KtrdrError) else InternalError(f"{type(error).__name__}: {error}")
        if self._worker is not None and isinstance(error, _ELSEWHERE):
            recorder.put_back(self._worker.id, known.to_dict(), self._worker.data_stamp)
        else:
            recorder.failed(known)
        return known

    def _intact(self, claim: Claim) -> tuple[Claim, SavedRun | None]:
        """The claim with a snapshot and ledger that have been read back, after as many steps back as it takes."""
        while claim.saved is not None:
            try:
                return claim, _saved_run(self._store, claim, claim.saved)
            except _DAMAGE as damage:
                log.warning("%s: %s", claim.operation.id, damage)
                claim = self._store.rewind(claim.lease, damage.code)
        return claim, None


def run(store: Store, claim: Claim, token: Token, **rest: Any) -> BacktestResults:
    """How an operation of kind backtest is run; the keywords are `BacktestWorker`'s."""
    backtest_worker = BacktestWorker(store, token=token, **rest)
    return backtest_worker.start(claim) if claim.saved is None else backtest_worker.resume(claim)


def _saved_run(store: Store, claim: Claim, saved: Saved) -> SavedRun:
    """Snapshot and ledger, read back once without bars so that damage is found before anything else is done."""
    rows = ledger(store, claim.operation.id, saved.generation)
    _core.Simulation.restore(saved.snapshot, to_columns(rows))
    forked = claim.operation.forked_from
    return SavedRun(saved.snapshot, rows, None if forked is None else bytes.fromhex(forked["lineage"]))


def _told(results: BacktestResults, claim: Claim) -> BacktestResults:
    """The results with what the claim has to say."""
    forked = claim.operation.forked_from
    facts: dict[str, Any] = {"operation": claim.operation.id}
    if forked is not None:
        facts["forked_from"] = {"operation": forked["operation"], "bar": forked["bar"]}
    warnings = tuple(dict.fromkeys((*claim.notices, *results.warnings)))
    return replace(results, warnings=warnings, facts={**results.facts, **facts})


def _resumable(stop: Cancelled, operation_id: str) -> Cancelled:
    return Cancelled(stop.what, where=operation_id, found=stop.found, hint=f"ktrdr operations resume {operation_id}")

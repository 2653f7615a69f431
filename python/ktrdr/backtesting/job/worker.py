"""Backtests as operations: a claim goes in, a stored result comes out, fresh and resumed alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ktrdr import _core
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.backtesting.job.recorder import LedgerRecorder
from ktrdr.backtesting.job.stored import ledger
from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Claim, LoadedCheckpoint
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.session import read_checkpoint, recorded
from ktrdr.simulation.ledger import row_counts
from ktrdr.simulation.saved import SavedRun


class BacktestWorker:
    """Runs claimed backtests to their end.

    Args:
        io: store, token, progress bridge and cadence of the run.
    """

    def __init__(self, io: RunIO) -> None:
        self._io = io

    def start(self, claim: Claim) -> BacktestResults:
        """Runs a backtest from bar 0."""
        return self._run_backtest(claim)

    def resume(self, claim: Claim) -> BacktestResults:
        """Runs a backtest from its newest undamaged checkpoint; the result names the damaged ones."""
        claim, saved = read_checkpoint(claim, self._io, self._saved_run)
        return self._run_backtest(claim, saved)

    def _run_backtest(self, claim: Claim, resume: SavedRun | None = None) -> BacktestResults:
        """Runs every backtest: bridge, checkpoints, engine, result; `recorded` stores a cancellation or failure."""
        operation = claim.operation
        with recorded(claim, self._io) as recorder:
            checkpoints = LedgerRecorder(recorder, {} if resume is None else row_counts(resume.core))
            request = BacktestRequest.of_spec(operation.spec)
            model = request.model or operation.model_id
            config = request.config(operation.threads, model, self._io.data_dir)
            found = BacktestingEngine(config).run(recorder.progress, self._io.token, checkpoints, resume)
            results = with_notices(found, claim)
            checkpoints.complete(results, is_trial=request.is_trial)
        return results

    def _saved_run(self, claim: Claim, saved: LoadedCheckpoint) -> SavedRun:
        """Reads snapshot and ledger back, without bars, so that damage is found before anything else is done."""
        assert isinstance(saved.opened, _core.Snapshot)
        forked = claim.operation.forked_from
        parent = None if forked is None else bytes.fromhex(forked["lineage"])
        return SavedRun.of(saved.opened, ledger(self._io.store, claim.operation.id, saved.generation), parent)


def with_notices(results: BacktestResults, claim: Claim) -> BacktestResults:
    """Returns the results with the operation's id, its origin, and the notices of its claim."""
    forked = claim.operation.forked_from
    facts: dict[str, Any] = {"operation": claim.operation.id}
    if forked is not None:
        facts["forked_from"] = {"operation": forked["operation"], "bar": forked["bar"]}
    warnings = tuple(dict.fromkeys((*claim.notices, *results.warnings)))
    return replace(results, warnings=warnings, facts={**results.facts, **facts})

"""Backtests as a kind of operation. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ktrdr import _core
from ktrdr._types import Json
from ktrdr.operations.deferred import DeferredKind, Words
from ktrdr.operations.kind import Proof, Section
from ktrdr.operations.models import Capability, Claim, Result
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store

if TYPE_CHECKING:
    import polars as pl

    from ktrdr.backtesting.results import BacktestResults
    from ktrdr.config.stored import StoredRequest


class BacktestKind(DeferredKind):
    """Backtests of a strategy over stored bars; the spec is a `BacktestRequest`."""

    name = "backtest"
    tables = tuple(_core.LEDGER_SCHEMA)

    def capability(self) -> Capability:
        """Returns the numeric profile and the engine's semantics version; imports torch."""
        from ktrdr.neural.numeric_profile import machine_profile

        return Capability(machine_profile(), _core.SEMANTICS)

    def request_class(self) -> type[StoredRequest]:
        """Returns the class of its requests, `BacktestRequest`; imports the strategy's grammar."""
        from ktrdr.backtesting.inputs.request import BacktestRequest

        return BacktestRequest

    def words(self) -> Words:
        """Returns the module of its words."""
        from ktrdr.backtesting.job import shown

        return shown

    def forked(self, spec: Json, changes: Mapping[str, Any], threads: int) -> dict[str, Any]:
        """Returns the spec with ``execution`` and ``decisions`` merged over its own, and another ``model``."""
        from ktrdr.backtesting.inputs.request import BacktestRequest

        request = BacktestRequest.of_spec(spec).forked(**changes)
        request.config(threads)
        return request.to_spec()

    def remarks(self, result: Result) -> list[Section]:
        """Returns size and costs in force, and the benchmark at the strategy's exposure."""
        from ktrdr.backtesting.job.sections import remarks

        return remarks(_own(result))

    def sections(self, result: Result) -> list[Section]:
        """Returns every metric by group, returns by month, and trades by reason of exit and by direction."""
        from ktrdr.backtesting.job.sections import sections

        return sections(_own(result))

    def inputs(self, spec: Json, result: Result) -> dict[str, Any]:
        """Returns strategy, rules, bars, model and versions by dotted name."""
        from ktrdr.backtesting.job.sections import inputs

        return inputs(spec, _own(result))

    def open_snapshot(self, snapshot: bytes) -> _core.Snapshot:
        """Returns the snapshot, verified; raises ``SnapshotCorrupt``, ``SnapshotTooNew``, ``SnapshotInconsistent``."""
        return _core.Snapshot(snapshot)

    def described(self, snapshot: bytes) -> dict[str, Any]:
        """Returns the state of the simulation; raises a ``SnapshotError`` leaf."""
        content: dict[str, Any] = json.loads(_core.Snapshot(snapshot).to_json())
        return content

    def run(self, claim: Claim, io: RunIO) -> BacktestResults:
        """Runs a claimed backtest, fresh or resumed, and returns its stored result."""
        from ktrdr.backtesting.job.worker import BacktestWorker

        worker = BacktestWorker(io)
        return worker.start(claim) if claim.saved is None else worker.resume(claim)

    def result(self, store: Store, operation_id: str) -> BacktestResults:
        """Returns a completed backtest; its ledgers are read when first asked for."""
        from ktrdr.backtesting.job.stored import stored_results

        return stored_results(store, operation_id)

    def table(self, store: Store, operation_id: str, name: str) -> pl.DataFrame:
        """Returns one ledger of a completed backtest; ``NotFound`` for another name."""
        if name not in self.tables:
            return super().table(store, operation_id, name)
        frame: pl.DataFrame = getattr(self.result(store, operation_id), name)
        return frame

    def proofs(self, store: Store, operation_id: str, *, rerun: bool) -> Iterable[Proof]:
        """Returns the proofs of result hash and metrics, and of the run itself with ``rerun``."""
        from ktrdr.backtesting.job.proofs import proofs

        return proofs(store, operation_id, rerun=rerun)

    def equity(self, store: Store, operation_id: str) -> pl.DataFrame:
        """Returns time and equity of the bars that are saved so far."""
        from ktrdr.backtesting.job.stored import equity_so_far

        return equity_so_far(store, operation_id)


def _own(result: Result) -> BacktestResults:
    """Returns a result of this kind as its class."""
    from ktrdr.backtesting.results import BacktestResults

    assert isinstance(result, BacktestResults)
    return result


KIND = BacktestKind()

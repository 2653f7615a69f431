"""Walk-forwards as a kind of operation: its parts are trainings and backtests. Nothing heavy is imported early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr.operations.deferred import DeferredKind, Words
from ktrdr.operations.kind import Section, completed
from ktrdr.operations.models import Capability, Claim, OpenedSnapshot, Operation, Result
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.workers import SharedWork

if TYPE_CHECKING:
    import polars as pl

    from ktrdr.analysis.walk_forward.request import WalkForwardRequest
    from ktrdr.analysis.walk_forward.result import WalkForwardResult

SEMANTICS = 1
"""Version of the rules by which folds are made and joined; trainings and backtests have versions for their rules."""


class WalkForwardKind(DeferredKind):
    """Walk-forwards of a strategy over stored bars; the spec is a `WalkForwardRequest`."""

    name = "walkforward"
    tables = ("equity",)
    in_units = True

    def capability(self) -> Capability:
        """Returns the numeric profile of its parts, and the version of the rules that join them; imports torch."""
        from ktrdr.neural.numeric_profile import machine_profile

        return Capability(machine_profile(), SEMANTICS)

    def request_class(self) -> type[WalkForwardRequest]:
        """Returns the class of its requests; imports the strategy's grammar."""
        from ktrdr.analysis.walk_forward.request import WalkForwardRequest

        return WalkForwardRequest

    def words(self) -> Words:
        """Returns the module of its words."""
        from ktrdr.analysis.walk_forward import shown

        return shown

    def remarks(self, result: Result) -> list[Section]:
        """Returns the folds as a table, and the verdict of the joined record."""
        from ktrdr.analysis.walk_forward.shown import remarks

        return remarks(result)

    def open_snapshot(self, snapshot: bytes) -> OpenedSnapshot:
        """Returns the plan of a snapshot, verified; raises ``SnapshotCorrupt``."""
        from ktrdr.analysis.walk_forward.plan import Plan

        return Plan.read(snapshot)

    def run(self, claim: Claim, io: RunIO) -> WalkForwardResult:
        """Runs a claimed walk-forward, fresh or resumed, and returns its stored result."""
        from ktrdr.analysis.walk_forward.job import run

        return run(claim, io)

    def shared_work(self, operation: Operation, token: Token) -> SharedWork:
        """Returns the folds of a walk-forward that another worker runs, over the bars of this machine."""
        from ktrdr.analysis.walk_forward.shared import shared_work

        return shared_work(operation, token)

    def result(self, store: Store, operation_id: str) -> WalkForwardResult:
        """Returns a completed walk-forward; its tests are read when a frame is asked for."""
        from ktrdr.analysis.walk_forward.job import tests_of
        from ktrdr.analysis.walk_forward.result import WalkForwardResult

        found = completed(store, operation_id)
        return WalkForwardResult(found, lambda: tests_of(store, found.summary))

    def table(self, store: Store, operation_id: str, name: str) -> pl.DataFrame:
        """Returns the joined equity of all tests; ``NotFound`` for another name."""
        if name not in self.tables:
            return super().table(store, operation_id, name)
        return self.result(store, operation_id).equity

    def equity(self, store: Store, operation_id: str) -> pl.DataFrame | None:
        """Returns time and joined equity once all tests are done; None before."""
        done = store.outcome(operation_id) is not None
        return self.result(store, operation_id).equity.select("time", "equity") if done else None


KIND = WalkForwardKind()

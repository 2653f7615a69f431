"""Sweeps of a strategy as a kind of operation. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr import _core
from ktrdr.operations.deferred import DeferredKind, Words
from ktrdr.operations.kind import Section
from ktrdr.operations.models import Capability, Claim, OpenedSnapshot, Operation, Result
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.workers import SharedWork

if TYPE_CHECKING:
    import polars as pl

    from ktrdr.analysis.sweep.job import SweepRun
    from ktrdr.analysis.sweep.request import SweepRequest


class SweepKind(DeferredKind):
    """Sweeps of a strategy's rules over stored bars; the spec is a `SweepRequest`."""

    name = "sweep"
    tables = ("scenarios",)
    unit = "scenarios"
    in_units = True
    every_core = True

    def capability(self) -> Capability:
        """Returns the numeric profile of the scores, and the engine's semantics version; imports torch."""
        from ktrdr.neural.numeric_profile import machine_profile

        return Capability(machine_profile(), _core.SEMANTICS)

    def request_class(self) -> type[SweepRequest]:
        """Returns the class of its requests; imports the strategy's grammar."""
        from ktrdr.analysis.sweep.request import SweepRequest

        return SweepRequest

    def words(self) -> Words:
        """Returns the module of its words."""
        from ktrdr.analysis.sweep import shown

        return shown

    def remarks(self, result: Result) -> list[Section]:
        """Returns the best scenario with DSR and PBO, and the ten best as a table."""
        from ktrdr.analysis.sweep.shown import remarks

        return remarks(result)

    def open_snapshot(self, snapshot: bytes) -> OpenedSnapshot:
        """Returns the state of a snapshot, verified; raises ``SnapshotCorrupt``."""
        from ktrdr.analysis.sweep.saved import SweepState

        return SweepState.read(snapshot)

    def run(self, claim: Claim, io: RunIO) -> SweepRun:
        """Runs a claimed sweep, fresh or resumed, and returns its stored result."""
        from ktrdr.analysis.sweep.job import run

        return run(claim, io)

    def shared_work(self, operation: Operation, token: Token) -> SharedWork:
        """Returns the chunks of a sweep that another worker runs, over the bars and the net of this machine."""
        from ktrdr.analysis.sweep.job import shared_work

        return shared_work(operation, token)

    def result(self, store: Store, operation_id: str) -> SweepRun:
        """Returns a completed sweep with its scenarios."""
        from ktrdr.analysis.sweep.job import stored

        return stored(store, operation_id)

    def table(self, store: Store, operation_id: str, name: str) -> pl.DataFrame:
        """Returns the table of scenarios; ``NotFound`` for another name."""
        if name not in self.tables:
            return super().table(store, operation_id, name)
        return self.result(store, operation_id).table


KIND = SweepKind()

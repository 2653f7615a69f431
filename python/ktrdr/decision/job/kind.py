"""Paper runs as a kind of operation. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ktrdr._types import Json
from ktrdr.backtesting.job.kind import BacktestKind
from ktrdr.errors import ArgumentInvalid
from ktrdr.operations.kind import Shown
from ktrdr.operations.models import Claim, OpenedSnapshot
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store

if TYPE_CHECKING:
    import polars as pl

    from ktrdr.backtesting.results import BacktestResults
    from ktrdr.config.stored import StoredRequest


class PaperKind(BacktestKind):
    """Paper trading of a strategy over a feed; the spec is a `PaperRequest`, the result is shaped as a backtest's."""

    name = "paper"
    tables = (*BacktestKind.tables, "events")

    def request_class(self) -> type[StoredRequest]:
        """Returns the class of its requests, `PaperRequest`; imports the strategy's grammar."""
        from ktrdr.decision.job.request import PaperRequest

        return PaperRequest

    def forked(self, spec: Json, changes: Mapping[str, Any], threads: int) -> dict[str, Any]:
        """Raises ``ArgumentInvalid``: orders that were sent under some rules cannot be taken back."""
        raise ArgumentInvalid("a paper run cannot be forked", where="kind", found=self.name, hint="start a new one")

    def shown(self, spec: Json) -> Shown:
        """Returns strategy, symbol, timeframe, feed and changed rules."""
        found = super().shown(spec)
        feed = str(spec.get("feed", ""))
        place = feed.rpartition("/")[2] if feed.startswith("/") else feed
        return Shown(found.title, f"feed {place}", {**found.fields, "feed": place}, found.changes)

    def headline(self, manifest: Json) -> str:
        """Returns strategy, symbol, span and model of a run that has ended."""
        return f"paper: {super().headline(manifest)}"

    def open_snapshot(self, snapshot: bytes) -> OpenedSnapshot:  # type: ignore[override]
        """Returns the state of a snapshot, verified; raises ``SnapshotCorrupt``, ``SnapshotTooNew``."""
        from ktrdr.decision.job.snapshot import PaperState

        return PaperState.read(snapshot)

    def described(self, snapshot: bytes) -> dict[str, Any]:
        """Returns the header of a snapshot; raises a ``SnapshotError`` leaf."""
        from ktrdr.decision.job.snapshot import header_of

        return header_of(snapshot)

    def run(self, claim: Claim, io: RunIO) -> BacktestResults:
        """Runs a claimed paper run, fresh or resumed, and returns its stored result."""
        from ktrdr.decision.job.worker import run

        return run(claim, io)

    def forget(self, operation_id: str) -> None:
        """Removes the broker's journal, and what was asked of the run."""
        from ktrdr.decision.job.controls import Controls

        Controls(operation_id).remove()

    def table(self, store: Store, operation_id: str, name: str) -> pl.DataFrame:
        """Returns one ledger of a run that has ended, or its log; ``NotFound`` for another name."""
        if name != "events":
            return super().table(store, operation_id, name)
        from ktrdr.decision.job.events import read_events

        return read_events(store, operation_id)

    def equity(self, store: Store, operation_id: str) -> pl.DataFrame:
        """Returns time and equity of the bars that are saved so far; a run that has ended has its ledger."""
        from ktrdr.operations.models import Status

        operation = store.get(operation_id)
        if operation.status is Status.COMPLETED:
            return super().equity(store, operation_id)
        from ktrdr.decision.job.so_far import equity_so_far

        return equity_so_far(store, operation)


KIND = PaperKind()

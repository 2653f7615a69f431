"""The cycle as a kind of operation. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr.operations.deferred import DeferredKind, Words
from ktrdr.operations.kind import Section
from ktrdr.operations.models import Capability, Claim, OpenedSnapshot, Outcome, Result
from ktrdr.operations.running.io import RunIO

if TYPE_CHECKING:
    from ktrdr.research.job.request import ResearchRequest


class ResearchKind(DeferredKind):
    """Cycles from a brief to a verdict; the spec is a `ResearchRequest`."""

    name = "research"

    def capability(self) -> Capability:
        """Returns the numeric profile of the training and the backtests in it; imports torch."""
        from ktrdr.neural.numeric_profile import machine_profile

        return Capability(machine_profile())

    def request_class(self) -> type[ResearchRequest]:
        """Returns the class of its requests; imports the strategy's grammar."""
        from ktrdr.research.job.request import ResearchRequest

        return ResearchRequest

    def words(self) -> Words:
        """Returns the module of its words."""
        from ktrdr.research.job import shown

        return shown

    def remarks(self, result: Result) -> list[Section]:
        """Returns stages, gates with reasons, strategy file, and the commands that continue."""
        from ktrdr.research.job.shown import remarks

        return remarks(result)

    def sections(self, result: Result) -> list[Section]:
        """Returns the figures of the verdict, and the sentences about it."""
        from ktrdr.research.job.shown import sections

        return sections(result)

    def open_snapshot(self, snapshot: bytes) -> OpenedSnapshot:
        """Returns the gates that were judged so far; raises a ``SnapshotError`` leaf."""
        from ktrdr.research.job.state import open_state

        return open_state(snapshot)

    def run(self, claim: Claim, io: RunIO) -> Outcome:
        """Runs a claimed cycle, fresh or resumed, and returns its stored result."""
        from ktrdr.research.job.cycle import run_cycle

        return run_cycle(claim, io)


KIND = ResearchKind()

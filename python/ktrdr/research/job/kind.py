"""The cycle as a kind of operation. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ktrdr._types import Json
from ktrdr.operations.kind import Kind, Section, Shown
from ktrdr.operations.models import Capability, Claim, OpenedSnapshot, Outcome, Result
from ktrdr.operations.running.io import RunIO

if TYPE_CHECKING:
    from ktrdr.research.job.request import ResearchRequest


class ResearchKind(Kind):
    """Cycles from a brief to a verdict; the spec is a `ResearchRequest`."""

    name = "research"

    def capability(self) -> Capability:
        """Returns the numeric profile of the training and the backtests in it; imports torch."""
        from ktrdr.neural.numeric_profile import machine_profile

        return Capability(machine_profile())

    def parse(self, spec: Json) -> ResearchRequest:
        """Returns the request of a spec; raises ``ArgumentInvalid``."""
        from ktrdr.research.job.request import ResearchRequest

        return ResearchRequest.of_spec(spec)

    def unchanged(self, spec: Json) -> None:
        """Passes if the name of a given strategy still means the stored text; else ``IdentityMismatch``."""
        from ktrdr.strategy.schema import UNDECIDING

        given = self.parse(spec).given
        if given is not None:
            given.require_unchanged(UNDECIDING)

    def shown(self, spec: Json) -> Shown:
        """Returns brief, designer and dates."""
        from ktrdr.research.job.shown import shown

        return shown(spec)

    def figures(self, summary: Json) -> Mapping[str, float | int | None]:
        """Returns total return and Sharpe ratio of the backtest, and the deflated Sharpe ratio."""
        from ktrdr.research.job.shown import figures

        return figures(summary)

    def headline(self, manifest: Json) -> str:
        """Returns the verdict, and its reason."""
        from ktrdr.research.job.shown import headline

        return headline(manifest)

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

"""Designs as a kind of operation: the first part of a cycle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ktrdr._types import Json
from ktrdr.data.resample import Resampling
from ktrdr.data.store.repository import Repository
from ktrdr.errors import DataEmpty, DataNotFound
from ktrdr.operations.kind import Kind, Shown
from ktrdr.operations.models import Claim, Outcome, Result
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Recorder
from ktrdr.operations.running.save_point import StateSavePoint
from ktrdr.operations.running.session import recorded
from ktrdr.research.designer.base import Ask, Design
from ktrdr.research.designer.market import StoredMarket
from ktrdr.research.gates import LEAST_ROWS
from ktrdr.research.job.request import ResearchRequest
from ktrdr.research.job.shown import shown
from ktrdr.research.job.state import JsonState, begun, hash_of, open_state
from ktrdr.research.spans import TRAINING_SHARE, Spans, bars_inside, choose_spans
from ktrdr.research.strategy_file import save_strategy, strategies_folder
from ktrdr.settings import data_root
from ktrdr.strategy.loader import parse_strategy
from ktrdr.time import iso
from ktrdr.training.splits import EMBARGO_RATE, embargo_of


@dataclass(frozen=True)
class Designed:
    """The result of a design, as the later parts of its cycle read it.

    Args:
        text: the strategy's file.
        file: name of the file that was written; None for a strategy that the user has given.
        design: the strategy, its explanation and its cost.
        spans: bars to train on, and bars to evaluate on.
    """

    text: str
    file: str | None
    design: Design
    spans: Spans

    @classmethod
    def of(cls, result: Result) -> Designed:
        """Returns the content of a stored result."""
        found = result.manifest
        return cls(found["strategy_text"], found["file"], Design.of(found["design"]), Spans.of(found["spans"]))

    def outcome(self, spec: Json, warnings: tuple[str, ...]) -> Outcome:
        """Returns the result of a design of that request."""
        usage = self.design.usage
        canonical = parse_strategy(self.text, "design").canonical_json()
        spans = self.spans.to_dict()
        return Outcome(
            result_hash=f"sha256:{hash_of([canonical, spans]).hex()}",
            identity=hash_of(spec).hex(),
            summary={
                "strategy": self.design.name,
                "calls": usage.calls,
                "tokens": usage.tokens,
                "cost_usd": usage.cost_usd,
            },
            manifest={
                "strategy": parse_strategy(self.text, "design").name,
                "strategy_text": self.text,
                "file": self.file,
                "design": self.design.to_dict(),
                "spans": spans,
            },
            warnings=warnings,
        )


class DesignKind(Kind):
    """Designs of a strategy from a brief; the spec is a `ResearchRequest`."""

    name = "design"

    def parse(self, spec: Json) -> ResearchRequest:
        """Returns the request of a spec; raises ``ArgumentInvalid``."""
        return ResearchRequest.of_spec(spec)

    def unchanged(self, spec: Json) -> None:
        """Passes: the cycle has asked for its parts."""

    def shown(self, spec: Json) -> Shown:
        """Returns brief, designer and dates."""
        return shown(spec)

    def headline(self, manifest: Json) -> str:
        """Returns name and designer of a completed design."""
        return f"strategy {manifest['strategy']}, by {manifest['design']['designer']}"

    def open_snapshot(self, snapshot: bytes) -> JsonState:
        """Returns the answers that a language model has given so far; raises a ``SnapshotError`` leaf."""
        return open_state(snapshot)

    def run(self, claim: Claim, io: RunIO) -> Outcome:
        """Designs a strategy, writes its file, and chooses the spans of the cycle."""
        spec = claim.operation.spec
        with recorded(claim, io) as recorder:
            request = ResearchRequest.of_spec(spec)
            repository = Repository(io.data_dir)
            market = StoredMarket(repository, request.span())
            _require_bars(repository, market)
            journal = _Journal(recorder, begun(claim))
            recorder.progress.report(self.name, 0, 1, {"designer": request.designer})
            ask = Ask(request.brief, request.seed or 0, market, journal, io.token)
            design = request.make_designer().design(ask)
            spans = choose_spans(
                repository, design.symbols, design.timeframes, request.span(), resample=design.resample
            )
            warnings = (*claim.notices, *design.warnings, *_few_rows(repository, design, spans))
            result = self._saved(request, design, spans, io).outcome(spec, warnings)
            recorder.progress.report(self.name, 1, 1, {"designer": request.designer})
            recorder.complete(result)
        return result

    def _saved(self, request: ResearchRequest, design: Design, spans: Spans, io: RunIO) -> Designed:
        """Writes the file of a design; a given strategy keeps its own text and file."""
        if request.strategy_text is not None:
            return Designed(request.strategy_text, None, design, spans)
        saved = save_strategy(design, strategies_folder(io.data_dir or data_root()))
        named = replace(design, strategy={**design.strategy, "name": saved.name})
        return Designed(saved.text, saved.path.name, named, spans)


def _require_bars(repository: Repository, market: StoredMarket) -> None:
    """Raises ``DataNotFound`` for a data folder without bars, ``DataEmpty`` where none lies in the dates asked for.

    On a worker another one may have the bars that this folder lacks.
    """
    if market.series():
        return
    stored = StoredMarket(repository, resample=False).series()
    if not stored:
        hint = "`ktrdr data import` brings bars in, `ktrdr data sample` makes some up"
        raise DataNotFound("no bars are stored here", where="data folder", hint=hint)
    first_ns = min(one.first_ns for one in stored)
    last_ns = max(one.last_ns for one in stored)
    found = f"{len(stored)} series with bars from {iso(first_ns)} to {iso(last_ns)}"
    raise DataEmpty("no stored bar lies in the dates asked for", found=found, hint="give other dates")


def _few_rows(repository: Repository, design: Design, spans: Spans) -> Iterator[str]:
    """Yields a warning where the training cannot leave as many test rows as its gate needs."""
    source = Resampling(repository) if design.resample else repository
    bars = bars_inside(source, design.symbols, design.base_timeframe, spans.train)
    share = design.loaded.training.data_split.test
    rows = max(0, math.floor(share * bars) - embargo_of(bars))
    if rows < LEAST_ROWS:
        needed = math.ceil(LEAST_ROWS / (share - EMBARGO_RATE) / TRAINING_SHARE)
        frame = design.base_timeframe.value
        yield (
            f"too few bars to pass the training gate: at most {rows} test rows, and it needs {LEAST_ROWS}: "
            f"about {needed:,} bars of {frame} in all"
        )


class _Journal:
    """Keeps the answers of a language model in the checkpoints of the design."""

    def __init__(self, recorder: Recorder, state: JsonState) -> None:
        self._recorder = recorder
        self._state = state

    def answers(self) -> Sequence[Mapping[str, Any]]:
        """Returns the answers so far, in order."""
        found: Sequence[Mapping[str, Any]] = self._state.state.get("answers", [])
        return list(found)

    def add(self, answer: Mapping[str, Any]) -> None:
        """Saves one more answer."""
        answers = [*self.answers(), dict(answer)]
        self._state = replace(self._state, bar=len(answers), state={"answers": answers})
        self._recorder.reach(StateSavePoint(self._state), stops=True)


KIND = DesignKind()

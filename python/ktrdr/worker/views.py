"""Views for callers: operations, results and workers as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ktrdr import _core
from ktrdr._types import Json, JsonObject
from ktrdr.analysis.explanation.decision import Decision
from ktrdr.errors import KtrdrError
from ktrdr.operations.kind import Shown, figures, shown
from ktrdr.operations.models import Operation, Outcome, Overview, Status, WorkerRecord
from ktrdr.operations.store.proof.outcomes import damaged
from ktrdr.operations.store.store import Store

_UNREADABLE = (KtrdrError, KeyError, TypeError, ValueError, AttributeError)
"""Errors of reading what another version, or a fault of the disk, has left in a row."""


class View(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(frozen=True)


class ErrorFacts(View):
    """Content of an error: a stable code, one line to read, and its parts, such as ``field`` or ``retry_after``."""

    model_config = ConfigDict(frozen=True, extra="allow")

    code: str
    message: str
    what: str


class ErrorBody(View):
    """The answer to a request that is refused."""

    error: ErrorFacts


class Accepted(View):
    """An operation that will be run."""

    operation_id: str
    status: Status


class Deleted(View):
    """An operation that is gone."""

    operation_id: str
    deleted: bool = True


class ProgressView(View):
    """Progress of a run; ``eta`` in seconds. A training counts batches, and adds its epoch and losses.

    ``stage`` is the part that runs, for an operation that has parts.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    phase: str | None = None
    stage: str | None = None
    percentage: float | None = None
    bar: int | None = None
    total_bars: int | None = None
    time: str | None = None
    equity: float | None = None
    trades: int | None = None
    bars_per_second: float | None = None
    eta: float | None = None


class Timings(View):
    """Times at which an operation was submitted, first started, and came to rest."""

    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class ChangeView(View):
    """A rule of a run that differs from its file; ``file`` is null where the file has no such rule."""

    run: Any
    file: Any


class PartView(View):
    """A part of an operation: its stage, and how far it is."""

    operation_id: str
    stage: str
    type: str
    status: Status
    title: str
    percentage: float | None
    error: dict[str, Any] | None


class OperationView(View):
    """An operation of kind ``type``.

    ``title``, ``detail`` and ``request`` describe the request, ``changes`` its rules that differ from its file,
    ``note`` is what a person wrote. ``figures`` are the few numbers of a result by which lists tell operations apart,
    null where undefined; ``result_hash`` is null without a result. ``waiting`` says by worker why nobody runs it.
    ``parts`` are the operations it consists of.
    """

    operation_id: str
    type: str
    status: Status
    title: str
    detail: str
    note: str | None
    request: dict[str, str | None]
    changes: dict[str, ChangeView]
    figures: dict[str, int | float | None]
    result_hash: str | None
    model_id: str | None
    threads: int
    progress: ProgressView | None
    progress_seq: int
    timings: Timings
    cancel_requested: bool
    error: dict[str, Any] | None
    waiting: dict[str, str]
    forked_from: dict[str, Any] | None
    parent_id: str | None
    parts: list[PartView]

    @property
    def at_rest(self) -> bool:
        """Returns True if only an explicit resume continues the operation."""
        return self.status.at_rest


class OperationList(View):
    """One page of operations, newest first."""

    operations: list[OperationView]
    next_cursor: str | None


class MetricView(View):
    """A metric: ``kind`` is its group, ``better`` is higher, lower or none; ``headline`` ones follow every run."""

    name: str
    unit: str
    kind: str
    better: str
    definition: str
    whole: bool
    headline: bool


class MetricCatalogue(View):
    """Every metric of a backtest, group by group, and the groups in the order in which they are shown."""

    kinds: list[str]
    metrics: list[MetricView]


def _describe_metrics(schema: JsonObject) -> None:
    """Adds the metrics of a backtest to a schema; names, units and definitions are the core's."""
    described = {
        name: {
            "type": ["integer" if facts["whole"] else "number", "null"],
            "description": f"{facts['definition']} ({facts['unit']})",
        }
        for name, facts in _core.METRICS.items()
    }
    schema["properties"]["metrics"] = {
        "type": "object",
        "description": "of a backtest; null where `undefined` has the reason",
        "properties": described,
    }


class ExplanationView(View):
    """The reasons of a run's entries and exits.

    ``baseline`` has the mean of each feature over the simulated bars. The attributions of a decision add up to its
    ``difference``: the score, less that of the baseline.
    """

    operation_id: str
    baseline: Mapping[str, float]
    decisions: Sequence[Decision]


class ResultView(View):
    """A completed operation: hash, warnings, manifest, and the figures of its kind.

    The figures of a backtest are ``metrics`` (null where ``undefined`` has the reason), ``trades`` and ``signals``: how
    many there were, were traded, and were stopped by which filter. Those of a sweep are the number of ``scenarios``, of
    those that ``failed``, and the ``best`` with its parameters, metrics, DSR and PBO.
    """

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_extra=_describe_metrics)

    operation_id: str
    status: Status
    result_hash: str
    identity: str
    warnings: list[str]
    manifest: dict[str, Any]


class WorkerView(View):
    """A worker; ``seen_s_ago`` since its last sign of life, ``damaged`` if its row cannot be read."""

    id: str
    host: str
    pid: int
    slots: int
    live: bool
    damaged: bool
    seen_s_ago: float
    started_at: datetime


class WorkerList(View):
    """Workers that are registered in the database."""

    workers: list[WorkerView]


class Health(View):
    """Ok or not, and nothing else."""

    status: str


def operation_view(store: Store, operation: Operation) -> OperationView:
    """Returns the operation as callers see it."""
    return view_of(store.overviews([operation])[0])


def view_of(overview: Overview) -> OperationView:
    """Returns an overview as callers see it."""
    operation = overview.operation
    summary = overview.summary
    asked = _asked(operation)
    timings = Timings(created_at=operation.created_at, started_at=operation.started_at, ended_at=operation.ended_at)
    return OperationView(
        operation_id=operation.id,
        type=operation.kind,
        status=operation.status,
        title=asked.title,
        detail=asked.detail,
        note=operation.note,
        request=dict(asked.fields),
        changes={name: ChangeView(run=change.run, file=change.file) for name, change in asked.changes.items()},
        figures=_figures(operation.kind, summary) if summary else {},
        result_hash=overview.result_hash,
        model_id=operation.model_id,
        threads=operation.threads,
        progress=_progress(operation.progress),
        progress_seq=operation.progress_seq,
        timings=timings,
        cancel_requested=operation.cancel_requested,
        error=damaged(operation.id, "figures or hash").to_dict() if summary is None else _plain(operation.error),
        waiting=dict(overview.waiting),
        forked_from=_plain(operation.forked_from),
        parent_id=operation.parent_id,
        parts=[_part(part) for part in overview.parts],
    )


def _part(part: Operation) -> PartView:
    progress = _progress(part.progress)
    return PartView(
        operation_id=part.id,
        stage=part.stage or part.kind,
        type=part.kind,
        status=part.status,
        title=_asked(part).title,
        percentage=100.0 if part.status is Status.COMPLETED else progress and progress.percentage,
        error=_plain(part.error),
    )


def result_view(operation: Operation, outcome: Outcome) -> ResultView:
    """Returns the result as callers see it."""
    return ResultView(
        operation_id=operation.id,
        status=operation.status,
        result_hash=outcome.result_hash,
        identity=outcome.identity,
        warnings=list(outcome.warnings),
        manifest=dict(outcome.manifest),
        **outcome.summary,
    )


def worker_view(worker: WorkerRecord) -> WorkerView:
    """Returns the worker as callers see it."""
    names = WorkerView.model_fields
    return WorkerView(**{name: getattr(worker, name) for name in names})


def _progress(figures: Mapping[str, Any] | None) -> ProgressView | None:
    try:
        return None if figures is None else ProgressView.model_validate(figures)
    except ValidationError:  # damaged, or another version's
        return None


def _asked(operation: Operation) -> Shown:
    """Returns the request to show; only its kind, where this version cannot read the rest."""
    try:
        return shown(operation.kind, operation.spec)
    except _UNREADABLE:
        return Shown(operation.kind)


def _figures(kind: str, summary: Json) -> dict[str, int | float | None]:
    """Returns the figures to list; none, where this version cannot read the summary."""
    try:
        return dict(figures(kind, summary))
    except _UNREADABLE:
        return {}


def _plain(mapping: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if mapping is None else dict(mapping)

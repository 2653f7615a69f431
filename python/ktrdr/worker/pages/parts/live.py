"""An operation as a page shows it while it runs: figures of its progress, reasons, results, and what can be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ktrdr.operations import KINDS, REPORTS
from ktrdr.operations.kind import Kind, kind_of, unit_of
from ktrdr.operations.models import Status
from ktrdr.simulation.metrics import label, value_text
from ktrdr.text import rule_text
from ktrdr.time import SECONDS_PER_UNIT
from ktrdr.worker.access.middleware import PAGES
from ktrdr.worker.views import OperationView, PartView, ProgressView

_DIGITS = 3
_MOST_STAGES = 4
_KNOWN = frozenset({*ProgressView.model_fields, "bars", "block_rows"} - {"equity", "trades"})
_ENDLESS = frozenset({"paper"})
"""Kinds that run as long as their feed; orders that were sent cannot be taken back, so they are not forked either."""
_METRIC_OF = {"equity": "final_equity"}
"""Metrics of the catalogue whose units figures of a progress have under another name."""

_KILL = '{"reason": "from the dashboard"}'
_SURE_KILL = "Cancel orders that wait, close positions at the next price, and order nothing any more?"


@dataclass(frozen=True)
class Figure:
    """A named figure as text."""

    label: str
    text: str


@dataclass(frozen=True)
class Action:
    """A button that sends a request, or a link if it has no ``post``.

    Args:
        label: its words.
        post: path of the route that the request is sent to.
        href: address of a link.
        body: the request's JSON.
        sure: the question that is asked first; empty for none.
        then: address to open after success; empty to stay.
    """

    label: str
    post: str = ""
    href: str = ""
    body: str = "{}"
    sure: str = ""
    then: str = ""


@dataclass(frozen=True)
class Live:
    """An operation with the texts that its view has as data."""

    view: OperationView
    percentage: float | None
    figures: Sequence[Figure]
    reasons: Sequence[str]
    results: Sequence[Figure]
    changes: Sequence[str]
    actions: Sequence[Action]
    stages: str
    verdict: str = ""

    @classmethod
    def of(cls, view: OperationView, verdict: str = "") -> Live:
        """Returns the texts of a view; ``verdict`` is that of a research that has completed."""
        done = view.status is Status.COMPLETED
        return cls(
            view=view,
            percentage=100.0 if done else _percentage(view),
            figures=() if done or view.progress is None else list(_figures(_unit(view), view.progress)),
            reasons=_reasons(view),
            results=[Figure(label(name), value_text(name, it, digits=_DIGITS)) for name, it in view.figures.items()],
            changes=[f"{name} {rule_text(it.run)} (file {rule_text(it.file)})" for name, it in view.changes.items()],
            actions=list(_actions(view)),
            stages=_stages(view.parts),
            verdict=verdict.replace("_", " "),
        )


def duration_text(seconds: float) -> str:
    """Returns a duration in its two largest units.

    >>> duration_text(59.7), duration_text(3_900), duration_text(200_000)
    ('1 min', '1 h 5 min', '2 d 7 h')
    """
    left = round(seconds)
    parts: list[str] = []
    for name, unit in (("d", "d"), ("h", "h"), ("min", "m"), ("s", "s")):
        count, left = divmod(left, SECONDS_PER_UNIT[unit])
        parts += [f"{count} {name}"] if count else []
    return " ".join(parts[:2]) or "0 s"


def time_text(moment: datetime | str | None) -> str:
    """Returns an instant as a table prints it, UTC.

    >>> time_text("2024-03-01T10:00:00Z"), time_text(None)
    ('2024-03-01 10:00', '')
    """
    if moment is None:
        return ""
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{found.astimezone(UTC):%Y-%m-%d %H:%M}"


def _percentage(view: OperationView) -> float | None:
    """Returns the share that is done; None where nobody knows the end, as of a feed."""
    return view.progress.percentage if view.progress and view.type not in _ENDLESS else None


def _unit(view: OperationView) -> str:
    """Returns what the progress counts: that of the part that runs, where an operation has parts."""
    stage = view.progress.stage if view.progress else None
    kinds = [part.type for part in view.parts if part.stage == stage]
    return unit_of(kinds[0] if kinds else view.type)


def _figures(unit: str, progress: ProgressView) -> Iterator[Figure]:
    """Yields the figures of a running operation that are known, in the order in which they are read."""
    if progress.stage is not None:
        yield Figure("stage", progress.stage.replace("_", " "))
    if progress.bar is None and progress.phase is not None:
        yield Figure("phase", progress.phase)
    if progress.bar is not None:
        total = "" if progress.total_bars is None else f" of {progress.total_bars:,}"
        yield Figure(unit, f"{progress.bar:,}{total}")
    if progress.time is not None:
        yield Figure("reached", time_text(progress.time))
    yield from _own_figures(progress)
    if progress.bars_per_second is not None:
        yield Figure("speed", f"{progress.bars_per_second:,.0f} {unit}/s")
    if progress.eta is not None:
        yield Figure("time left", duration_text(progress.eta))


def _own_figures(progress: ProgressView) -> Iterator[Figure]:
    """Yields the figures that a kind adds to its progress, such as equity or losses, with the catalogue's units."""
    for name, value in progress.model_dump().items():
        is_figure = isinstance(value, int | float) and not isinstance(value, bool) and name not in _KNOWN
        if is_figure and not (progress.bar is None and name in ("done", "total")):
            yield Figure(label(name), value_text(_METRIC_OF.get(name, name), value, digits=5))


def _reasons(view: OperationView) -> list[str]:
    """Returns the reasons why it waits, or the message of the error that ended it."""
    lines = [f"{worker}: {reason}" if worker else reason for worker, reason in view.waiting.items()]
    if view.error is not None:
        lines.append(str(view.error.get("message", view.error.get("code", ""))))
    return lines


def _stages(parts: Sequence[PartView]) -> str:
    """Returns the status of each part of an operation, of many parts their number."""
    if len(parts) > _MOST_STAGES:
        done = sum(part.status is Status.COMPLETED for part in parts)
        return f"{done} of {len(parts)} parts begun have completed"
    return ", ".join(f"{part.stage.replace('_', ' ')} {part.status}" for part in parts)


def _actions(view: OperationView) -> Iterator[Action]:
    """Yields what can be done with an operation in its status; nothing for a part, which its parent decides about."""
    if view.parent_id is not None:
        return
    at = f"/operations/{view.operation_id}"
    if view.status in (Status.PENDING, Status.RUNNING, Status.INTERRUPTED) and not view.cancel_requested:
        yield Action("Cancel", f"{at}/cancel")
    if view.status.resumable:
        yield Action("Resume", f"{at}/resume")
        yield Action("Restart", f"{at}/restart", sure="Start again at the beginning? Its checkpoints are lost.")
    if view.type == "paper" and not view.at_rest:
        yield Action("Stop trading", f"/paper/{view.operation_id}/kill", body=_KILL, sure=_SURE_KILL)
        yield Action("End run", f"/paper/{view.operation_id}/stop", sure="End the run with its result?")
    if view.status is Status.COMPLETED and view.type in REPORTS:
        yield Action("Report", href=f"{at}/report")
    if view.status not in (Status.PENDING, Status.COMPLETED, Status.DAMAGED) and _can_be_forked(view.type):
        yield Action("Fork", href=f"{PAGES}{at}/fork")
    if view.status is not Status.RUNNING:
        sure = "Delete it with its checkpoints, its ledger and its result? This cannot be undone."
        yield Action("Delete", f"{at}/delete", sure=sure, then="/")


def _can_be_forked(kind: str) -> bool:
    return kind in KINDS and kind not in _ENDLESS and type(kind_of(kind)).forked is not Kind.forked

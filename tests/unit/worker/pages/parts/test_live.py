"""The words of an operation on a page: figures with units, and what can be done in each status."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ktrdr.operations.models import Status
from ktrdr.worker.pages.parts.live import Live
from ktrdr.worker.views import OperationView, PartView, ProgressView, Timings

NAME = "0123456789abcdef"


def live(status: Status, kind: str = "backtest", **changes: Any) -> Live:
    facts: dict[str, Any] = {
        "operation_id": f"{kind}_{NAME}", "type": kind, "status": status, "model_id": None, "threads": 2,
        "progress": None, "progress_seq": 0, "title": "", "detail": "", "note": None, "request": {}, "changes": {},
        "figures": {}, "result_hash": None,
        "cancel_requested": False, "error": None, "waiting": {}, "forked_from": None, "parent_id": None,
        "parts": [], "timings": Timings(created_at=datetime(2024, 1, 1, tzinfo=UTC), started_at=None, ended_at=None),
    }  # fmt: skip
    return Live.of(OperationView(**facts | changes))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.PENDING, ["Cancel", "Delete"]),
        (Status.RUNNING, ["Cancel", "Fork"]),
        (Status.INTERRUPTED, ["Cancel", "Resume", "Restart", "Fork", "Delete"]),
        (Status.CANCELLED, ["Resume", "Restart", "Fork", "Delete"]),
        (Status.FAILED, ["Resume", "Restart", "Fork", "Delete"]),
        (Status.COMPLETED, ["Report", "Delete"]),
    ],
)
def test_what_can_be_done_with_a_backtest(status: Status, expected: list[str]) -> None:
    assert [action.label for action in live(status).actions] == expected


def test_what_can_be_done_with_others() -> None:
    assert [action.label for action in live(Status.CANCELLED, "training").actions] == ["Resume", "Restart", "Delete"]
    assert [action.label for action in live(Status.RUNNING, cancel_requested=True).actions] == ["Fork"]
    assert live(Status.CANCELLED, parent_id=f"research_{NAME}").actions == []
    assert [action.label for action in live(Status.COMPLETED, "soothsaying").actions] == ["Delete"]


def test_figures_have_the_units_of_the_catalogue() -> None:
    facts = {"phase": "backtest", "percentage": 41.7, "bar": 4_170, "total_bars": 10_000, "equity": 103_214.5}
    facts |= {"time": "2024-03-01T10:00:00Z", "trades": 1_234, "bars_per_second": 52_100.4, "eta": 75.0}
    found = live(Status.RUNNING, progress=ProgressView.model_validate(facts))
    assert [(figure.label, figure.text) for figure in found.figures] == [
        ("bars", "4,170 of 10,000"), ("reached", "2024-03-01 10:00"), ("equity", "103,214.50"), ("trades", "1,234"),
        ("speed", "52,100 bars/s"), ("time left", "1 min 15 s"),
    ]  # fmt: skip


def test_a_run_that_loads_shows_its_phase() -> None:
    facts = {"phase": "indicators", "percentage": 0.0, "done": 3, "total": 9}
    assert [figure.text for figure in live(Status.RUNNING, progress=ProgressView(**facts)).figures] == ["indicators"]


def test_an_operation_with_parts_counts_what_its_part_counts() -> None:
    part = PartView(
        operation_id=f"training_{NAME}", stage="learn", type="training", status=Status.RUNNING, title="", percentage=1,
        error=None,
    )  # fmt: skip
    facts = {"phase": "training", "stage": "learn", "bar": 5, "total_bars": 10}
    found = live(Status.RUNNING, "research", progress=ProgressView(**facts), parts=[part])
    assert [(it.label, it.text) for it in found.figures] == [("stage", "learn"), ("batches", "5 of 10")]
    assert found.stages == "learn running"


def test_what_a_training_counts_is_named() -> None:
    facts = {"phase": "training", "percentage": 50.0, "bar": 5, "total_bars": 10, "epoch": 2, "train_loss": 0.51234567}
    found = live(Status.RUNNING, "training", progress=ProgressView(**facts))
    assert [(it.label, it.text) for it in found.figures] == [
        ("batches", "5 of 10"), ("epoch", "2"), ("train loss", "0.51235"),
    ]  # fmt: skip

"""Following of a worker's operation: stages on the way, its result or its error at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from ktrdr.cli.runs.following import followed_to_its_result
from ktrdr.errors import BriefInvalid, Cancelled
from ktrdr.worker.client import WorkerClient
from support.inputs import research_results

NAME = "research_0123456789abcdef"


class Worker:
    """A client whose operation goes through the given states."""

    def __init__(self, *states: dict[str, Any]) -> None:
        self._states = states

    def changes(self, operation_id: str) -> Iterator[dict[str, Any]]:
        assert operation_id == NAME
        for state in self._states:
            yield {"type": "research", "note": None, "error": None, "waiting": {}, "progress": None, **state}

    def results(self, operation_id: str) -> dict[str, Any]:
        found = research_results.outcome()
        return {
            "operation_id": operation_id,
            "status": "completed",
            "result_hash": found.result_hash,
            "identity": found.identity,
            "warnings": list(found.warnings),
            "manifest": dict(found.manifest),
            **found.summary,
        }


def follow(*states: dict[str, Any]) -> Any:
    return followed_to_its_result(cast(WorkerClient, Worker(*states)), NAME)


def test_the_stage_is_named_on_the_way_and_the_result_printed_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    running = {"phase": "training", "stage": "training", "bar": 3, "total_bars": 10, "train_loss": 0.5}
    answer = follow({"status": "running", "progress": running}, {"status": "completed"})
    assert "training 30 %  stage training, train_loss 0.5" in capsys.readouterr().err
    assert (answer.data["operation_id"], answer.data["verdict"]) == (NAME, "weak_signal")
    assert answer.data["metrics"] == {"trades": 12}
    assert any("training gate passed" in line for line in answer.shown if isinstance(line, str))


def test_an_error_is_raised_as_it_was_stored() -> None:
    error = BriefInvalid("no bars", where="symbol", found="XAUUSD").to_dict()
    with pytest.raises(BriefInvalid, match="symbol: no bars: found XAUUSD"):
        follow({"status": "failed", "error": error})


def test_a_cancel_names_the_command_that_resumes() -> None:
    with pytest.raises(Cancelled, match=f"ktrdr operations resume {NAME}"):
        follow({"status": "cancelled"})

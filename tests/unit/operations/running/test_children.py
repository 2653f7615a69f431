"""Parts run in the process of their parent: one for a stage, stopped and resumed with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ktrdr.errors import ArgumentInvalid, Cancelled, LeaseLost
from ktrdr.operations import KINDS, resume
from ktrdr.operations.models import Claim, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.children import parent_of, run_child
from ktrdr.operations.running.foreground import claim_for_resume, run_claim
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Cadence
from ktrdr.operations.store.elsewhere.adoption import FinishedPart
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import Here
from support.database import stores
from support.process import toy
from support.runs import toy_family

PARTS = {"a": {"name": "a", "count": 2}, "b": {"name": "b", "count": 4}, "c": {"name": "c", "count": 3}}
EXPECTED = toy_family.outcome([3, 10, 6])


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "toy", "support.process.toy:KIND")
    monkeypatch.setitem(KINDS, "family", "support.runs.toy_family:KIND")
    monkeypatch.setattr(toy, "PAUSE_S", 0.0)


class Watch:
    """A bridge that keeps the reports, and may do something at one of them."""

    def __init__(self, at: tuple[str, int] | None = None, act: Any = None) -> None:
        self.reports: list[tuple[str, int]] = []
        self._at = at
        self._act = act

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        self.reports.append((phase, done))
        if self._act is not None and len(self.reports) == self._at:
            self._act()


def submit(store: Store, **changes: Any) -> Operation:
    return store.submit("family", {"parts": {**PARTS, **changes}})


def statuses(store: Store, family: Operation) -> dict[str | None, str]:
    return {part.stage: part.status.value for part in store.parts([family.id]).get(family.id, [])}


def begun(store: Store) -> tuple[Claim, RunIO]:
    """A claimed family that runs no part by itself."""
    claim = claim_for_resume(store, submit(store).id)
    return claim, RunIO(store, cadence=Cadence(every_bars=1))


def test_the_parts_run_in_order_and_their_reports_are_passed_on(store: Store) -> None:
    watch = Watch()
    family = submit(store)
    found = resume(family.id, store=store, bridge=watch)
    assert found.result_hash == EXPECTED.result_hash
    assert watch.reports == [("toy", bar) for count in (2, 4, 3) for bar in range(1, count + 1)]
    assert statuses(store, family) == dict.fromkeys("abc", "completed")
    progress = store.get(family.id).progress
    assert progress is not None
    assert {name: progress[name] for name in ("stage", "phase", "percentage", "bar", "total_bars", "eta")} == {
        "stage": "c", "phase": "toy", "percentage": 100.0, "bar": 3, "total_bars": 3, "eta": None,
    }  # fmt: skip


@pytest.mark.parametrize(("stop", "status"), [("cancel", "cancelled"), ("shut_down", "interrupted")])
def test_a_stop_ends_part_and_parent_and_a_resume_continues_both(store: Store, stop: str, status: str) -> None:
    family = submit(store)
    token = Token()
    watch = Watch(4, getattr(token, stop))
    with pytest.raises(Cancelled) as caught:
        resume(family.id, store=store, bridge=watch, cancellation_token=token)
    assert caught.value.hint == f"ktrdr operations resume {family.id}"
    if status == "cancelled":
        assert store.get(family.id).status.value == status
        assert statuses(store, family) == {"a": "completed", "b": status}
    [_, part] = store.parts([family.id])[family.id]
    assert part.generation == 1
    again = Watch()
    assert resume(family.id, store=store, bridge=again).result_hash == EXPECTED.result_hash
    assert again.reports[0] == ("toy", 3)


def test_a_completed_part_is_read_not_run(store: Store) -> None:
    claim, io = begun(store)
    first = run_child(claim, io, "a", "toy", PARTS["a"])
    watch = Watch()
    second = run_child(claim, replace(io, bridge=watch), "a", "toy", PARTS["a"])
    assert (first.result_hash, watch.reports) == (second.result_hash, [])


def test_a_failed_part_fails_its_parent_and_is_tried_again(store: Store) -> None:
    family = submit(store, b={"name": "b", "count": 0})
    for _ in range(2):
        with pytest.raises(ArgumentInvalid):
            resume(family.id, store=store)
        found = store.get(family.id)
        assert found.error is not None
        assert (found.status, found.error["code"]) == (Status.FAILED, "argument_invalid")
        assert statuses(store, family) == {"a": "completed", "b": "failed"}


def test_a_parent_that_was_taken_away_runs_no_part(store: Store) -> None:
    claim, io = begun(store)
    stores.lapse(store, claim.operation.id)
    store.force_cancel(claim.operation.id, claim.lease.epoch)
    with pytest.raises(LeaseLost):
        run_child(claim, io, "a", "toy", PARTS["a"])


def test_a_part_whose_parent_is_cancelled_meanwhile_writes_nothing_more(store: Store) -> None:
    family = submit(store)
    watch = Watch(4, lambda: store.force_cancel(family.id, store.get(family.id).epoch))
    with pytest.raises(LeaseLost):
        resume(family.id, store=store, bridge=watch, every_bars=1)
    assert statuses(store, family) == {"a": "completed", "b": "cancelled"}
    assert resume(family.id, store=store).result_hash == EXPECTED.result_hash


def test_a_part_takes_the_threads_of_its_parent(store: Store) -> None:
    claim = store.begin_here("family", {"parts": PARTS}, Owner.me(), threads=3)
    run_claim(claim, RunIO(store))
    assert {part.threads for part in store.parts([claim.operation.id])[claim.operation.id]} == {3}


GROUPS = [["a"], ["b"], ["c"]]


class Far:
    """Parts that were computed whole elsewhere."""

    threads = 1

    def unit(self, number: int) -> list[FinishedPart]:
        return [stores.finished_part("abc"[number])]


def test_parts_from_elsewhere_count_as_progress_and_those_begun_here_stay(store: Store) -> None:
    claim, io = begun(store)
    with parent_of(claim, io, list("abc")) as (recorder, parts):
        mine = parts.run("a", "toy", PARTS["a"])
        assert parts.untouched(GROUPS) == [1, 2]
        parts.compute(Here(), Far(), GROUPS, range(3))
        figures = recorder.progress.figures()
    assert (figures["percentage"], figures["stage"]) == (100.0, "c")
    assert statuses(store, claim.operation) == dict.fromkeys("abc", "completed")
    kept = store.outcome(store.parts([claim.operation.id])[claim.operation.id][0].id)
    assert kept is not None
    assert kept.result_hash == mine.result_hash


def test_the_progress_counts_each_stage_once_and_the_work_of_others(store: Store) -> None:
    """Two thirds of a stage are done elsewhere while the first one runs; then the third is handed in and booked."""
    claim, io = begun(store)
    seen: list[float] = []
    with parent_of(claim, io, list("abc")) as (recorder, parts):

        def percentage() -> None:
            seen.append(recorder.progress.figures()["percentage"])

        parts.elsewhere(2 / 3)
        percentage()
        parts.run("a", "toy", PARTS["a"])
        percentage()
        parts.elsewhere(0.0)  # who computed it has died
        percentage()
        parts.compute(Here(), Far(), GROUPS, [2])
        percentage()
        parts.run("a", "toy", PARTS["a"])
        percentage()
        parts.run("b", "toy", PARTS["b"])
        percentage()
    assert [round(each) for each in seen] == [22, 56, 33, 67, 67, 100]


def test_a_resumed_parent_shows_what_has_completed_and_finishes_first_what_has_begun(store: Store) -> None:
    family = submit(store)
    token = Token()
    with pytest.raises(Cancelled):
        resume(family.id, store=store, bridge=Watch(4, token.cancel), cancellation_token=token)
    claim = claim_for_resume(store, family.id)
    with parent_of(claim, RunIO(store), list("abc")) as (recorder, parts):
        assert recorder.progress.figures()["percentage"] == 33.33
        assert parts.untouched([["c"], ["b"], ["a"]]) == [0]
        assert parts.unfinished([["c"], ["b"], ["a"]]) == [1, 0]

"""The lease is kept while the run gets on, and for no other reason."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ktrdr.errors import ArgumentInvalid, LeaseLost, StorageUnavailable
from ktrdr.operations.running.cancellation import Reason, Token
from ktrdr.operations.running.heartbeat import Heartbeat, ProgressWatch
from ktrdr.operations.running.progress import Progress


class Keeper:
    """Counts beats; may raise, or ask to stop."""

    def __init__(self, answer: Callable[[int], bool] = lambda _: False) -> None:
        self.figures: list[dict[str, Any]] = []
        self._answer = answer

    def beat(self, figures: dict[str, Any]) -> bool:
        self.figures.append(figures)
        return self._answer(len(self.figures))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_LEASE_SECONDS", "0.2")


def work(seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        sum(range(1_000))


def beats_during(do: Callable[[float], None], keeper: Keeper | None = None) -> Keeper:
    counted = keeper or Keeper()
    with Heartbeat(counted, Progress("backtest"), Token()):
        do(0.6)
    return counted


def test_it_beats_while_the_process_works() -> None:
    beats = len(beats_during(work).figures)
    assert 3 <= beats <= 12


def test_it_is_silent_while_the_process_sleeps() -> None:
    """A deadlock uses no time, and whoever sits in one should lose the lease."""
    assert len(beats_during(time.sleep).figures) <= 1


def test_work_without_progress_counts_only_so_long() -> None:
    progress = Progress("backtest")
    over = threading.Event()

    def toil() -> None:
        while not over.is_set():
            sum(range(1_000))

    worker = threading.Thread(target=toil)
    watched = ProgressWatch(progress, stall_s=1.0)
    worker.start()
    pulse = []
    for pause_s in (0.2, 1.0, 0.2):
        time.sleep(pause_s)
        pulse.append(watched.advances())
        if pulse[-1] is False:
            progress.report("bars", 1, 1, {})
    over.set()
    worker.join()
    assert pulse == [True, False, True]


def test_it_learns_that_the_run_should_stop() -> None:
    token = Token()
    with Heartbeat(Keeper(lambda count: count >= 2), Progress("backtest"), token):
        work(0.4)
    assert token.reason is Reason.CANCELLED


def test_it_learns_that_the_lease_is_lost_and_beats_no_more() -> None:
    token = Token()

    def lost(_: int) -> bool:
        raise LeaseLost("taken over")

    keeper = Keeper(lost)
    with Heartbeat(keeper, Progress("backtest"), token):
        work(0.4)
    assert token.reason is Reason.LOST
    assert len(keeper.figures) == 1


def test_a_database_that_is_away_is_asked_again() -> None:
    def away(count: int) -> bool:
        if count < 3:
            raise StorageUnavailable("locked", transient=True)
        return False

    assert len(beats_during(work, Keeper(away)).figures) >= 3


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
def test_a_setting_that_is_no_number_of_seconds_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_STALL_SECONDS", text)
    with pytest.raises(ArgumentInvalid, match="KTRDR_STALL_SECONDS"):
        Heartbeat(Keeper(), Progress("backtest"), Token())

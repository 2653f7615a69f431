"""Event streams: one look for all readers, gaps marked, slow readers slow nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from ktrdr.errors import NotFound, StorageUnavailable
from ktrdr.operations.models import Status
from ktrdr.worker import events
from ktrdr.worker.events import Broadcaster, State
from ktrdr.worker.views import OperationView, Timings

NAME = "backtest_0123456789abcdef"


def view(seq: int, status: Status = Status.RUNNING) -> OperationView:
    return OperationView(
        operation_id=NAME, type="backtest", status=status, model_id=None, threads=2, progress=None, progress_seq=seq,
        title="", detail="", note=None, request={}, changes={}, figures={}, result_hash=None,
        timings=Timings(created_at=datetime(2024, 1, 1, tzinfo=UTC), started_at=None, ended_at=None),
        cancel_requested=False, error=None, waiting={}, forked_from=None, parent_id=None, parts=[],
    )  # fmt: skip


class Script:
    """A store that shows one view after the other, the last one for ever."""

    def __init__(self, *views: OperationView | Exception) -> None:
        self.views = list(views)
        self.looks = 0

    def __call__(self, _: str) -> State:
        self.looks += 1
        found = self.views.pop(0) if len(self.views) > 1 else self.views[0]
        if isinstance(found, Exception):
            raise found
        return State.of(found)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PERIOD_SECONDS", 0.01)


def played(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 10))


async def heard(stream: AsyncIterator[bytes]) -> list[str]:
    """Kind and id of every event until the stream ends."""
    found = []
    async for piece in stream:
        for event in piece.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in event.split("\n"))
            found.append(f"{fields.get('event')} {fields.get('id', fields.get('data'))}")
    return found


def test_from_the_first_look_to_the_end() -> None:
    async def scene() -> None:
        board = Broadcaster(Script(view(1), view(2), view(2), view(3, Status.COMPLETED)))
        assert await heard(board.read(NAME, State.of(view(1)), None)) == ["progress 1", "progress 2", "end 3"]
        assert board.readers == 0

    played(scene)


def test_an_operation_at_rest_is_one_event() -> None:
    async def scene() -> None:
        board = Broadcaster(Script(view(5, Status.CANCELLED)))
        assert await heard(board.read(NAME, State.of(view(5, Status.CANCELLED)), None)) == ["end 5"]
        assert await heard(board.read(NAME, State.of(view(5, Status.CANCELLED)), 5)) == ["end 5"]

    played(scene)


def test_what_was_seen_before_is_not_told_again() -> None:
    async def scene() -> None:
        board = Broadcaster(Script(view(4), view(5, Status.FAILED)))
        assert await heard(board.read(NAME, State.of(view(4)), 4)) == ["end 5"]

    played(scene)


@pytest.mark.parametrize("status", [Status.PENDING, Status.INTERRUPTED])
def test_who_comes_back_learns_that_nobody_runs_it(status: Status) -> None:
    """That a run stopped is no report of its own, so its number is the last one that the reader has seen."""

    async def scene() -> None:
        board = Broadcaster(Script(view(4, status), view(4, status), view(4), view(5)))
        stream = board.read(NAME, State.of(view(4, status)), 4)
        assert b'"%s"' % status.encode() in await anext(stream)
        assert b'"running"' in await anext(stream)
        await stream.aclose()

    played(scene)


def test_reports_that_were_missed_are_marked() -> None:
    async def scene() -> None:
        board = Broadcaster(Script(view(9), view(12, Status.FAILED)))
        marks = ['gap {"missed": 6}', "progress 9", 'gap {"missed": 2}', "end 12"]
        assert await heard(board.read(NAME, State.of(view(9)), 2)) == marks

    played(scene)


def test_a_change_without_a_report_is_an_event() -> None:
    async def scene() -> None:
        board = Broadcaster(Script(view(0, Status.RUNNING), view(0, Status.CANCELLED)))
        assert await heard(board.read(NAME, State.of(view(0, Status.PENDING)), None)) == [
            "progress 0",
            "progress 0",
            "end 0",
        ]

    played(scene)


def test_all_readers_share_one_look() -> None:
    async def scene() -> None:
        script = Script(*(view(1) for _ in range(20)), view(2, Status.COMPLETED))
        board = Broadcaster(script)
        all_heard = await asyncio.gather(*(heard(board.read(NAME, State.of(view(1)), None)) for _ in range(100)))
        assert all(one == ["progress 1", "end 2"] for one in all_heard)
        assert script.looks == 21

    played(scene)


def test_a_reader_that_hangs_slows_nobody_and_learns_what_it_missed() -> None:
    async def scene() -> None:
        board = Broadcaster(Script(view(1), view(2), view(3), view(4), view(5, Status.COMPLETED)))
        slow = board.read(NAME, State.of(view(1)), None)
        assert b"id: 1" in await anext(slow)
        assert (await heard(board.read(NAME, State.of(view(1)), None)))[-1] == "end 5"
        assert await heard(slow) == ['gap {"missed": 3}', "end 5"]

    played(scene)


def test_nobody_reads_nobody_looks() -> None:
    async def scene() -> None:
        script = Script(view(1))
        board = Broadcaster(script)
        stream = board.read(NAME, State.of(view(1)), None)
        await anext(stream)
        await stream.aclose()
        await asyncio.sleep(0.05)
        looks = script.looks
        await asyncio.sleep(0.05)
        assert (board.readers, script.looks) == (0, looks)

    played(scene)


def test_a_database_that_is_away_is_waited_for() -> None:
    async def scene() -> None:
        board = Broadcaster(Script(StorageUnavailable("locked"), StorageUnavailable("locked"), view(2, Status.FAILED)))
        assert await heard(board.read(NAME, State.of(view(1)), None)) == ["progress 1", "end 2"]

    played(scene)


@pytest.mark.parametrize("last", [NotFound("gone"), ZeroDivisionError()])
def test_a_deleted_operation_or_a_bug_ends_the_stream(last: Exception) -> None:
    async def scene() -> None:
        assert await heard(Broadcaster(Script(view(1), last)).read(NAME, State.of(view(1)), None)) == ["progress 1"]

    played(scene)


def test_closing_ends_every_stream() -> None:
    async def scene() -> None:
        board = Broadcaster(Script(view(1)))
        readers = [asyncio.create_task(heard(board.read(NAME, State.of(view(1)), None))) for _ in range(5)]
        await asyncio.sleep(0.05)
        board.close()
        assert await asyncio.gather(*readers) == [["progress 1"]] * 5
        assert await heard(board.read(NAME, State.of(view(1)), None)) == []

    played(scene)


def test_a_quiet_line_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.03)

    async def scene() -> None:
        stream = Broadcaster(Script(view(1))).read(NAME, State.of(view(1)), None)
        await anext(stream)
        assert await anext(stream) == b": alive\n\n"
        await stream.aclose()

    played(scene)


def test_an_operation_that_runs_again_after_its_end_is_read_anew() -> None:
    """A reader that still holds the old end must not show it to those who come after the resume."""

    async def scene() -> None:
        board = Broadcaster(Script(view(2, Status.CANCELLED), view(3), view(4, Status.COMPLETED)))
        slow = board.read(NAME, State.of(view(1)), None)
        await anext(slow)
        await asyncio.sleep(0.05)
        assert await heard(board.read(NAME, State.of(view(3)), None)) == ["progress 3", "end 4"]
        await slow.aclose()

    played(scene)

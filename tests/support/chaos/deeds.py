"""The disturbances of a plan, each carried out where it hurts and undone when its time is over."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy.exc import DBAPIError, OperationalError

from ktrdr.errors import StorageError
from ktrdr.operations.models import Status
from ktrdr.operations.store.store import Store
from support.chaos.clients import CLIENTS
from support.chaos.fleet import Fleet, Member
from support.chaos.network import Link, Relay
from support.chaos.plan import Deed
from support.database import disks, stores
from support.database.databases import Server
from support.process.processes import Place, kill

_PATIENCE_S = 180.0
_Found = TypeVar("_Found")


def patiently(work: Callable[[], _Found]) -> _Found:
    """The answer of a database that may be away for a while."""
    until_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return work()
        except (StorageError, DBAPIError, OperationalError):
            if time.monotonic() > until_s:
                raise
            time.sleep(0.5)


@dataclass
class World:
    """Everything that can be disturbed, and what has been damaged for good.

    Args:
        place: data folder and database, as this process sees them.
        store: the database.
        fleet: the workers.
        disk: the small file system of database and data folder.
        set_clock: moves a clock by so many seconds from the real one.
        server: PostgreSQL; None for SQLite.
        relay: between one worker and the server.
        link: the network of that worker.
        spare: submits an operation that may be damaged.
        tally: counts what has happened.
        names: the operations whose results count.
        lost: those that were damaged on purpose, by what was done to them.
    """

    place: Place
    store: Store
    fleet: Fleet
    disk: Path
    set_clock: Callable[[float], None]
    server: Server | None
    relay: Relay | None
    link: Link | None
    spare: Callable[[], str]
    tally: Counter[str]
    names: list[str] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    """Held while the database's processes, or its disk, are in somebody's hands."""

    def do(self, deed: Deed) -> None:
        """Carries out a disturbance; counts it, or that there was nothing to disturb."""
        member = self.fleet.members[deed.worker]
        if deed.sort in CLIENTS:
            self.tally[f"connections of {deed.sort}"] += CLIENTS[deed.sort](member, deed.length_s, self._paths())
            done = True
        else:
            done = bool(_DEEDS[deed.sort](self, deed, member))
        self.tally[deed.sort if done else f"{deed.sort}: nothing to disturb"] += 1

    def _paths(self) -> list[str]:
        finished = [name for name in self.of_status(Status.COMPLETED) if name.startswith("backtest")][:3]
        return [
            "/operations?limit=500",
            *(f"/operations/{name}/{part}" for name in finished for part in ("equity", "report")),
        ]

    def rows(self, statement: str, **values: Any) -> Any:
        """A statement past the store."""
        return patiently(lambda: stores.sql(self.store, statement, **values))

    def of_status(self, status: Status) -> list[str]:
        """The operations whose results count and that have that status."""
        return [name for (name,) in self.rows("SELECT id FROM operations WHERE status = :it", it=status.value)
                if name in self.names and name not in self.lost]  # fmt: skip


def _pick(found: list[_Found], draw: float) -> _Found | None:
    return found[min(int(draw * len(found)), len(found) - 1)] if found else None


def _stopped(pids: list[int], length_s: float) -> bool:
    """SIGSTOP to processes, and SIGCONT to those that are left."""
    for pid in pids:
        kill(pid, signal.SIGSTOP)
    time.sleep(length_s)
    for pid in pids:
        kill(pid, signal.SIGCONT)
    return bool(pids)


def _worker_killed(world: World, deed: Deed, member: Member) -> bool:
    world.fleet.kill(member, deed.length_s)
    return True


def _child_killed(world: World, deed: Deed, member: Member) -> bool:
    child = _pick(member.children(), deed.draw)
    if child is not None:
        kill(child)
    return child is not None


def _worker_stopped(world: World, deed: Deed, member: Member) -> bool:
    return _stopped([pid for pid in (member.pid,) if pid], deed.length_s)


def _child_stopped(world: World, deed: Deed, member: Member) -> bool:
    return _stopped(member.children(), deed.length_s)


def _link_down(world: World, deed: Deed, member: Member) -> bool:
    assert world.link is not None
    world.link.set_up(False)
    time.sleep(deed.length_s)
    world.link.set_up(True)
    return True


def _network_silent(world: World, deed: Deed, member: Member) -> bool:
    assert world.relay is not None
    world.relay.set_silent(True)
    time.sleep(deed.length_s)
    world.relay.set_silent(False)
    return True


def _database_frozen(world: World, deed: Deed, member: Member) -> bool:
    assert world.server is not None
    with world.one_at_a_time:
        return _stopped(world.server.processes(), deed.length_s)


def _database_restarted(world: World, deed: Deed, member: Member) -> bool:
    assert world.server is not None
    with world.one_at_a_time:
        world.server.restart(crash=deed.draw < 0.7)
    return True


def _database_locked(world: World, deed: Deed, member: Member) -> bool:
    """A transaction of somebody else holds the write lock of SQLite."""
    file = world.place.url.removeprefix("sqlite:///")
    with world.one_at_a_time:
        connection = sqlite3.connect(file, timeout=60, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(deed.length_s)
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
    return True


def _disk_full(world: World, deed: Deed, member: Member) -> bool:
    """PostgreSQL may end by itself then: it is started again once there is room."""
    with world.one_at_a_time:
        with disks.full(world.disk):
            time.sleep(deed.length_s)
        if world.server is not None and not world.server.is_up:
            world.tally["PostgreSQL gave up"] += 1
            world.server.start()
    return True


def _clock_set(world: World, deed: Deed, member: Member) -> bool:
    """By up to twelve hours, forward or back; at one time in five it is right again."""
    world.set_clock(0.0 if deed.draw < 0.2 else (deed.draw - 0.6) * 30 * 3_600)
    return True


def _operation_damaged(world: World, deed: Deed, member: Member) -> bool:
    name = world.spare()
    world.lost[name] = "operation_damaged"
    world.rows("UPDATE operations SET spec = substr(spec, 1, length(spec) - 1) WHERE id = :id", id=name)
    return True


def _checkpoint_damaged(world: World, deed: Deed, member: Member) -> bool:
    """The newest one of a run; the run continues from the one before, or says that there is none."""
    name = _pick(world.of_status(Status.RUNNING), deed.draw)
    newest = "SELECT generation, snapshot FROM checkpoints WHERE operation_id = :id ORDER BY generation DESC LIMIT 1"
    found = world.rows(newest, id=name) if name else []
    for generation, snapshot in found:
        data = bytearray(snapshot)
        data[int(deed.draw * len(data))] ^= 4
        there = "WHERE operation_id = :id AND generation = :generation"
        world.rows(f"UPDATE checkpoints SET snapshot = :data {there}", data=bytes(data), id=name, generation=generation)
    return bool(found)


def _result_damaged(world: World, deed: Deed, member: Member) -> bool:
    """The figures of a completed run; its hash stays."""
    name = _pick([one for one in world.of_status(Status.COMPLETED) if one.startswith("backtest")], deed.draw)
    if name is None:
        return False
    world.lost[name] = "result_damaged"
    world.rows("UPDATE results SET summary = replace(summary, '1', '3') WHERE operation_id = :id", id=name)
    return True


def _trial_damaged(world: World, deed: Deed, member: Member) -> bool:
    found = _pick([number for (number,) in world.rows("SELECT seq FROM trials ORDER BY seq")], deed.draw)
    if found is not None:
        world.rows("UPDATE trials SET facts = substr(facts, 1, length(facts) - 1) WHERE seq = :it", it=found)
    return found is not None


def _worker_row_damaged(world: World, deed: Deed, member: Member) -> bool:
    found = _pick([name for (name,) in world.rows("SELECT id FROM workers ORDER BY id")], deed.draw)
    if found is not None:
        world.rows("UPDATE workers SET capabilities = '{\"backtest\": 1' WHERE id = :it", it=found)
    return found is not None


def _cancelled(world: World, deed: Deed, member: Member) -> bool:
    """A running operation, by a worker that may be another one's."""
    name = _pick(world.of_status(Status.RUNNING), deed.draw)
    with suppress(httpx.HTTPError), member.client() as client:
        return name is not None and client.post(f"/operations/{name}/cancel", json={}).status_code == 200
    return False


_DEEDS: dict[str, Callable[[World, Deed, Member], bool]] = {
    "worker killed": _worker_killed,
    "child killed": _child_killed,
    "worker stopped": _worker_stopped,
    "child stopped": _child_stopped,
    "link down": _link_down,
    "network silent": _network_silent,
    "database frozen": _database_frozen,
    "database restarted": _database_restarted,
    "database locked": _database_locked,
    "disk full": _disk_full,
    "clock set": _clock_set,
    "operation damaged": _operation_damaged,
    "checkpoint damaged": _checkpoint_damaged,
    "result damaged": _result_damaged,
    "trial damaged": _trial_damaged,
    "worker's row damaged": _worker_row_damaged,
    "cancelled": _cancelled,
}

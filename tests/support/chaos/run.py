"""A chaos run: a fleet is made, disturbed by plan while it works, left in peace, and judged."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from ktrdr.errors import StorageError
from support.chaos.clock import Clock
from support.chaos.deeds import World, patiently
from support.chaos.fleet import Fleet, Member
from support.chaos.network import Link, Relay, link
from support.chaos.plan import WORKERS, Deed, plan, sorts_of, submissions
from support.chaos.work import Asked, furnished, requests, settled
from support.database import disks
from support.database.databases import Server, find_programs
from support.process.processes import Place
from support.process.service import TOKEN

DISK = "600m"
LEASE_S = 8.0
_SETTINGS = {
    "KTRDR_CHECKPOINT_SECONDS": "0.2", "KTRDR_LEASE_SECONDS": str(LEASE_S), "KTRDR_API_TOKEN": TOKEN,
    "NO_FAKE_STAT": "1",
}  # fmt: skip
_WAL = {"max_wal_size": "64MB", "min_wal_size": "32MB"}
_SUBMITTED_WITHIN_S = 600.0


@contextmanager
def world(database: str, tally: Counter[str], clock: Clock, logs: Path) -> Iterator[World]:
    """A fleet of three on an empty database, everything but the logs on a small disk that all can read."""
    with ExitStack() as stack:
        base = Path(tempfile.mkdtemp(prefix="ktrdr-chaos-"))
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        base.chmod(0o755)
        disk = stack.enter_context(disks.small_disk(base / "disk", DISK))
        folder = furnished(disk / "data")
        cable = stack.enter_context(link(1))
        server = relay = None
        if database == "postgresql":
            programs = find_programs()
            assert programs is not None
            server = Server(programs, folder=disk, settings=_WAL)
            stack.callback(server.close)
            relay = Relay(cable.near if cable else "127.0.0.1", server.port)
            stack.callback(relay.close)
        url = server.url(server.empty()) if server else f"sqlite:///{disk / 'ktrdr.db'}"
        place = Place(folder, url, _SETTINGS)
        store = place.store()
        stack.callback(store.close)
        members = [_member(logs, place, number, cable, relay, clock) for number in range(len(WORKERS))]
        fleet = Fleet(members, tally)
        stack.callback(fleet.close)

        def spare() -> str:
            return patiently(lambda: place.submit(store, "mlp", end="2024-02-01").id)

        yield World(place, store, fleet, disk, clock.set, server, relay, cable, spare, tally)


def _member(logs: Path, place: Place, number: int, cable: Link | None, relay: Relay | None, clock: Clock) -> Member:
    """The first as it is; the second behind the relay, in its own network; the third by the clock that is set.

    The workers of an SQLite file share a machine, so they share its clock.
    """
    cut_off = number == 1
    host = cable.far if cut_off and cable else "127.0.0.1"
    url = place.url
    if cut_off and relay is not None:
        near = cable.near if cable else "127.0.0.1"
        url = f"postgresql+psycopg://ktrdr@{near}:{relay.port}/{place.url.rpartition('/')[2]}"
    clocked = clock.settings if number == 2 or relay is None else {}
    mine = Place(place.folder, url, {**place.settings, "KTRDR_ALLOWED_HOSTS": f"{host},localhost", **clocked})
    return Member(WORKERS[number], mine, host, cable.words if cut_off and cable else (), logs / f"worker-{number}.log")


def disturbed(found: World, database: str, seed: int, seconds: float) -> dict[str, Asked]:
    """Submits operations and disturbs everything, by plan; returns the requests by operation."""
    asked = requests()
    deeds = plan(seed, seconds, sorts_of(database, links=found.link is not None))
    work = submissions(seed, seconds, len(asked))
    rng = random.Random(f"doors {seed}")
    doors = [rng.randrange(len(WORKERS)) for _ in work]
    known: dict[str, Asked] = {}
    diary = found.fleet.members[0].log.with_name("diary.log").open("w")
    began_s = time.monotonic()

    def submit(number: int) -> None:
        _, which = work[number]
        name = _submitted(found, asked[which], f"{seed}-{number}", doors[number])
        known[name] = asked[which]
        found.names.append(name)

    def do(deed: Deed) -> None:
        diary.write(f"{time.monotonic() - began_s:8.1f} {deed}\n")
        diary.flush()
        found.do(deed)

    with ThreadPoolExecutor(48) as pool, diary:
        queue = [(deed.at_s, do, deed) for deed in deeds] + [(at[0], submit, n) for n, at in enumerate(work)]
        running = []
        for at_s, what, which in sorted(queue, key=lambda each: each[0]):
            time.sleep(max(at_s - (time.monotonic() - began_s), 0.0))
            running.append(pool.submit(what, which))  # type: ignore[arg-type]
        for each in running:
            each.result()
    found.set_clock(0.0)
    return known


def _submitted(found: World, asked: Asked, key: str, door: int) -> str:
    """The operation of a request; a caller without an answer asks another worker, with the same key."""
    until_s = time.monotonic() + _SUBMITTED_WITHIN_S
    while True:
        try:
            return asked.submit(found.store, found.fleet.members[door % len(WORKERS)], key)
        except (httpx.HTTPError, StorageError):
            found.tally["submissions repeated"] += 1
            door += 1
            assert time.monotonic() < until_s, "no worker takes an operation"
            time.sleep(0.5)


def left_in_peace(found: World, known: dict[str, Asked], expected: dict[str, str]) -> None:
    """Waits for the end of all operations, and compares their results; then each worker has to do one more."""
    names = [name for name in known if name not in found.lost]
    settled(found.store, names, found.tally, 1_800)
    for name in names:
        outcome = found.store.outcome(name)
        assert outcome is not None and outcome.result_hash == expected[known[name].name], (name, known[name].name)
    found.tally["results equal"] = len(names)
    until_s = time.monotonic() + 300
    idle = list(found.fleet.members)
    marks = {each.name: each.log.stat().st_size for each in idle}
    while idle:
        assert time.monotonic() < until_s, f"no operation of {[each.name for each in idle]}"
        found.spare()
        time.sleep(2.0)
        idle = [each for each in idle if not _works(each, marks[each.name])]


def _works(member: Member, mark: int) -> bool:
    """A worker that says it is well, and that has run an operation since the log was so long."""
    with member.client() as client:
        well = client.get("/health").status_code == 200 and client.get("/ready").status_code == 200
    return well and b": completed" in member.log.read_bytes()[mark:]

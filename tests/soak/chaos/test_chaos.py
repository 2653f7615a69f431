"""Everything goes wrong at once, for hours: every operation ends on the bits of one undisturbed, no worker is dead."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ktrdr.errors import ResultDamaged
from ktrdr.operations.models import Status
from support.chaos.clock import Clock, libfaketime
from support.chaos.deeds import World, patiently
from support.chaos.fleet import said
from support.chaos.plan import HOURS_S, SORTS
from support.chaos.run import LEASE_S, disturbed, left_in_peace, world
from support.chaos.work import undisturbed
from support.database.databases import find_programs
from support.soak import passed, seeds

SECONDS = float(os.environ.get("SOAK_SECONDS") or HOURS_S)
SEED = os.environ.get("SOAK_SEED")
MOST_GROWTH_MIB = 24.0
MOST_FILES_MORE = 32
"""The pool may open fifteen connections to the database, of two files each for SQLite, when callers first need them."""
IN_PEACE_S = 45.0
OF_THE_RIG = "OSError: [Errno 22] Invalid argument"
"""A sleep while libfaketime's clock is set: it subtracts its time of day from a deadline of the monotonic clock."""
Tell = Callable[[str, object], None]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The result hash of each request, undisturbed."""
    return undisturbed(tmp_path_factory.mktemp("quiet"))


@pytest.fixture(autouse=True)
def _same_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_LEASE_SECONDS", str(LEASE_S))


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    library = libfaketime()
    found = Clock(library, tmp_path / "clock")
    found.set(0)
    return found


def chaos(database: str, expected: dict[str, str], clock: Clock, logs: Path, tell: Tell) -> None:
    """One seed: that of ``SOAK_SEED``, else the next that has not passed yet."""
    part = f"chaos {database}"
    tally: Counter[str] = Counter()
    first = passed(part)
    chosen = [int(SEED)] if SEED else seeds(part, first + 1, batch=1, tally=tally)
    for seed in chosen:
        with world(database, tally, clock, logs) as found:
            try:
                known = disturbed(found, database, seed, SECONDS)
                tally["operations"] = len(known)
                left_in_peace(found, known, expected)
                _judge(found, known)
            finally:
                tell("table", _table(f"{part}, seed {seed}, {SECONDS:g} s; logs in {logs}", tally))
        assert tally["workers that did not end"] == 0


def _judge(found: World, known: dict[str, object]) -> None:
    """Compares what is stored with what was done: damage says so, nothing is doubled, no answer was a fault."""
    for name, code in found.lost.items():
        if code == "operation_damaged":
            assert found.store.get(name).status is Status.DAMAGED
        else:
            with pytest.raises(ResultDamaged):
                found.store.outcome(name)
    kept = [name for name in known if name not in found.lost]
    rows = dict(found.rows("SELECT idempotency_key, id FROM operations WHERE idempotency_key IS NOT NULL"))
    assert set(known) <= set(rows.values())
    assert {name for (name,) in patiently(lambda: found.rows("SELECT operation_id FROM results"))} >= set(kept)
    faults = [name for name in found.tally if name.startswith("GET ") and name.endswith((": 500", ": 404", ": 401"))]
    assert [name for name in faults if name != "GET /operations/latest: 404"] == []
    _judge_the_steady(found)
    for member in found.fleet.members:
        found.tally.update({f"trace of {member.name}: {line}": times for line, times in said(member)["traces"].items()})
    assert [name for name in found.tally if name.startswith("trace of ") and not name.endswith(OF_THE_RIG)] == []


def _judge_the_steady(found: World) -> None:
    """The worker that nothing kills lives, and has not grown: files are counted where clients hold fewest."""
    steady = found.fleet.members[0]
    assert steady.starts == 1, "the worker that nothing kills has ended"
    now_s = found.fleet.now_s
    early = steady.size(0.15 * SECONDS, 0.4 * SECONDS)
    late = steady.size(now_s - IN_PEACE_S, now_s)
    for when, (memory_mib, files) in (("early", early), ("late", late)):
        found.tally |= {f"steady worker, MiB {when}": round(memory_mib), f"steady worker, files {when}": files}
    assert late[0] < early[0] + MOST_GROWTH_MIB
    assert late[1] < early[1] + MOST_FILES_MORE


def _table(title: str, tally: Counter[str]) -> str:
    order = [*(name for name in SORTS if name in tally), *sorted(name for name in tally if name not in SORTS)]
    return "\n".join([title, *(f"  {tally[name]:7,} {name}" for name in order)])


@pytest.mark.soak
def test_chaos_sqlite(expected: dict[str, str], clock: Clock, tmp_path: Path, record_property: Tell) -> None:
    chaos("sqlite", expected, clock, tmp_path, record_property)


@pytest.mark.soak
def test_chaos_postgresql(expected: dict[str, str], clock: Clock, tmp_path: Path, record_property: Tell) -> None:
    if find_programs() is None:
        pytest.skip("no PostgreSQL: no initdb on PATH nor in /usr/lib/postgresql (apt-get install postgresql)")
    chaos("postgresql", expected, clock, tmp_path, record_property)

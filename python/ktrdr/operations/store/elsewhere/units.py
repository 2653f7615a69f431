"""Units of a running operation, shared through the database: its owner offers some, idle workers hand in results.

A unit is a function of the operation's inputs and its number. So anybody may compute it, also twice: a result counts
if it belongs to the terms under which the unit was offered. Who has taken a unit extends a lease while it computes, so
that nobody begins it again for nothing; no write asks for that lease. The owner's changes alone are fenced.
`tests/model/units.py` searches every interleaving.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, or_, select, true, update

from ktrdr.errors import LeaseLost
from ktrdr.operations.models import Lease, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.claims import Capabilities, extend, suits
from ktrdr.operations.store.database import now
from ktrdr.operations.store.proof.columns import Column, blob, read_columns, whole, words
from ktrdr.operations.store.proof.columns import number as finite
from ktrdr.operations.store.proof.seals import unit_seal
from ktrdr.operations.store.rows import lease_left, operation_of, select_operation
from ktrdr.operations.store.tables import as_stored, operations, units

_COLUMNS = {
    "number": Column(whole, 0),
    "identity": Column(blob, b""),
    "version": Column(words, ""),
    "owner": Column(words, optional=True),
    "seal": Column(blob, optional=True),
    "reached": Column(finite, optional=True),
    "left_s": Column(finite, optional=True),
}
_RUNS = (operations.c.status == Status.RUNNING.value, operations.c.cancel_requested.is_(False))
_LAPSED = or_(units.c.lease_until.is_(None), lease_left(units) <= 0.0)
_OPEN = (units.c.data.is_(None), or_(units.c.owner.is_(None), _LAPSED))


@dataclass(frozen=True)
class Terms:
    """Everything that a result depends on beside the number of its unit.

    Args:
        identity: the 32 bytes that stand for all inputs of the operation.
        version: of this package, which decides how a result is written down.
    """

    identity: bytes
    version: str


@dataclass(frozen=True)
class SharedUnit:
    """The row of a shared unit, without its result.

    Args:
        number: of the unit.
        held: whether a process that is not known to be gone computes it.
        done: whether its result is there.
        sound: False for a row that is damaged, or offered under other terms.
        reached: share of it that its taker has reported, 0 to 1.
    """

    number: int
    held: bool
    done: bool
    sound: bool
    reached: float = 0.0

    @property
    def open(self) -> bool:
        """Returns True for a unit that nobody computes."""
        return self.sound and not self.held and not self.done


def shared_units(connection: Connection, operation_id: str, terms: Terms) -> list[SharedUnit]:
    """Returns the shared units of an operation in order; a row whose number cannot be read goes with its operation."""
    asked = [column for column in units.c if column is not units.c.data]
    facts = (lease_left(units).label("left_s"), units.c.data.is_not(None).label("done"))
    statement = select(*as_stored([*asked, *facts])).where(units.c.operation_id == operation_id)
    found = []
    for row in connection.execute(statement.order_by(units.c.number)):
        values, unreadable = read_columns(dict(row._mapping), _COLUMNS)
        if "number" in unreadable:
            continue
        done = bool(row.done)
        same = (values["identity"], values["version"]) == (terms.identity, terms.version)
        sound = same and not unreadable and done == (values["seal"] is not None)
        held = not done and _holds(values["owner"], values["left_s"])
        reached = min(values["reached"] or 0.0, 1.0) if held else 0.0
        found.append(SharedUnit(values["number"], held, done, sound, reached))
    return found


def handed_in(connection: Connection, operation_id: str, number: int, terms: Terms) -> bytes | None:
    """Returns the result of a unit as it was handed in; None if it is not what was written."""
    this = (units.c.operation_id == operation_id, units.c.number == number)
    row = connection.execute(select(*as_stored([units.c.data, units.c.seal])).where(*this)).one_or_none()
    if row is None or not isinstance(row.data, bytes):
        return None
    return row.data if row.seal == unit_seal(operation_id, number, terms.identity, terms.version, row.data) else None


def share(
    connection: Connection,
    lease: Lease,
    terms: Terms,
    offered: Collection[int],
    dropped: Collection[int],
    lease_s: float,
) -> None:
    """Deletes the rows of some units and offers others; one that is offered already stays as it is.

    ``LeaseLost`` if the operation is another process's now.
    """
    extend(connection, lease, lease_s)
    mine = units.c.operation_id == lease.operation_id
    if dropped:
        connection.execute(delete(units).where(mine, units.c.number.in_(dropped)))
    there = set(connection.execute(select(*as_stored([units.c.number])).where(mine)).scalars())
    row = {"operation_id": lease.operation_id, "identity": terms.identity, "version": terms.version}
    rows = [row | {"number": number} for number in offered if number not in there]
    if rows:
        connection.execute(insert(units), rows)


def take(connection: Connection, operation_id: str, terms: Terms, owner: Owner, lease_s: float) -> int | None:
    """Begins the first unit that nobody computes; None without one, or if the operation is to run no more."""
    for number, this in _free(connection, operation_id, terms):
        values = {"owner": owner.text, "lease_until": now() + lease_s, "lease_s": lease_s, "reached": None}
        if connection.execute(update(units).where(*this).values(values)).rowcount == 1:
            return number
    return None


def take_back(connection: Connection, lease: Lease, terms: Terms, lease_s: float) -> int | None:
    """Deletes the row of the first unit that nobody computes, so that the owner computes it; None without one.

    ``LeaseLost`` if the operation is another process's now.
    """
    extend(connection, lease, lease_s)
    for number, this in _free(connection, lease.operation_id, terms):
        if connection.execute(delete(units).where(*this)).rowcount == 1:
            return number
    return None


def beat(connection: Connection, operation_id: str, number: int, owner: Owner, reached: float, lease_s: float) -> bool:
    """Extends the lease of a taken unit; returns True if the operation is to run no more.

    ``LeaseLost`` if another process has taken the unit, or nobody asks for it any more.
    """
    mine = (units.c.owner == owner.text, units.c.data.is_(None))
    this = (units.c.operation_id == operation_id, units.c.number == number, *mine)
    values = {"lease_until": now() + lease_s, "lease_s": lease_s, "reached": reached}
    if connection.execute(update(units).where(*this).values(values)).rowcount != 1:
        raise LeaseLost(f"nobody asks this process for unit {number} now", operation=operation_id)
    return connection.execute(select(true()).where(_runs(operation_id))).first() is None


def hand_in(connection: Connection, operation_id: str, number: int, terms: Terms, data: bytes) -> None:
    """Stores the result of a unit, unless it is there already or no longer asked for under these terms."""
    seal = unit_seal(operation_id, number, terms.identity, terms.version, data)
    this = (*_of(operation_id, terms), units.c.number == number)
    connection.execute(update(units).where(*this).values(data=data, seal=seal))


def helpable(connection: Connection, capabilities: Capabilities | None, version: str) -> list[Operation]:
    """Returns the running operations with units that nobody computes, oldest submission first.

    Left out are those that were started under other numbers, those whose inputs no save has named yet, and units of
    another version of this package.
    """
    offered = exists().where(units.c.operation_id == operations.c.id, units.c.version == version, *_OPEN)
    wanted = (*_RUNS, operations.c.identity.is_not(None), offered, *suits(capabilities))
    rows = connection.execute(select_operation().where(*wanted).order_by(operations.c.seq))
    return [found for found in map(operation_of, rows) if found.status is Status.RUNNING]


def _of(operation_id: str, terms: Terms) -> tuple[ColumnElement[bool], ...]:
    """Returns the conditions of a unit without a result that is asked for under these terms."""
    return (
        units.c.operation_id == operation_id,
        units.c.identity == terms.identity,
        units.c.version == terms.version,
        units.c.data.is_(None),
    )


def _runs(operation_id: str) -> ColumnElement[bool]:
    """Returns the condition that an operation is to run; its owner may be gone."""
    return exists().where(operations.c.id == operation_id, *_RUNS)


def _free(
    connection: Connection, operation_id: str, terms: Terms
) -> Iterator[tuple[int, tuple[ColumnElement[bool], ...]]]:
    """Yields the units that nobody computes, with the condition that nobody has begun them since; locks each."""
    facts = [units.c.number, units.c.owner, lease_left(units).label("left_s")]
    asked = select(*as_stored(facts)).where(*_of(operation_id, terms), _runs(operation_id))
    columns = {name: _COLUMNS[name] for name in ("number", "owner", "left_s")}
    for row in connection.execute(asked.order_by(units.c.number)).all():
        values, unreadable = read_columns(dict(row._mapping), columns)
        owner = values["owner"]
        if unreadable or _holds(owner, values["left_s"]):
            continue
        unchanged = units.c.owner.is_(None) if owner is None else units.c.owner == owner
        this = (*_of(operation_id, terms), units.c.number == values["number"], unchanged)
        if connection.execute(select(units.c.number).where(*this).with_for_update(skip_locked=True)).first():
            yield values["number"], this


def _holds(owner: str | None, left_s: float | None) -> bool:
    """Returns True if a process has taken a unit, within its lease, and is not known to be gone."""
    if owner is None or left_s is None or left_s <= 0.0:
        return False
    try:
        return not Owner.parse(owner).is_dead()
    except ValueError:
        return True

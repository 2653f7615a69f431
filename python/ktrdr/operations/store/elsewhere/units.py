"""Units of a running operation, shared through the database: its owner offers some, idle workers hand in results.

A unit is a function of the operation's inputs and its number. So anybody may compute it, also twice, and nothing here
has a lease: a result counts if it belongs to the terms under which the unit was offered. The owner's changes alone are
fenced. `tests/model/units.py` searches every interleaving.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, true, update

from ktrdr.operations.models import Lease, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.claims import Capabilities, extend, suits
from ktrdr.operations.store.proof.columns import Column, blob, read_columns, whole, words
from ktrdr.operations.store.proof.seals import unit_seal
from ktrdr.operations.store.rows import operation_of, select_operation
from ktrdr.operations.store.tables import as_stored, operations, units

_COLUMNS = {
    "number": Column(whole, 0),
    "identity": Column(blob, b""),
    "version": Column(words, ""),
    "owner": Column(words, optional=True),
    "data": Column(blob, optional=True),
    "seal": Column(blob, optional=True),
}
_RUNS = (operations.c.status == Status.RUNNING.value, operations.c.cancel_requested.is_(False))


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
    """The row of a shared unit.

    Args:
        number: of the unit.
        taken: whether a process has begun it.
        data: its result; None before that is there.
        sound: False for a row that is damaged, or offered under other terms.
    """

    number: int
    taken: bool
    data: bytes | None
    sound: bool

    @property
    def open(self) -> bool:
        """Returns True for a unit that nobody has begun."""
        return self.sound and not self.taken and self.data is None


def shared_units(connection: Connection, operation_id: str, terms: Terms) -> list[SharedUnit]:
    """Returns the shared units of an operation in order; a row whose number cannot be read goes with its operation."""
    statement = select(*as_stored(units.c)).where(units.c.operation_id == operation_id).order_by(units.c.number)
    found = []
    for row in connection.execute(statement):
        values, unreadable = read_columns(dict(row._mapping), _COLUMNS)
        if "number" in unreadable:
            continue
        number = values["number"]
        data = values["data"]
        same = (values["identity"], values["version"]) == (terms.identity, terms.version)
        sealed = data is None or values["seal"] == _seal(operation_id, number, terms, data)
        found.append(SharedUnit(number, values["owner"] is not None, data, same and sealed and not unreadable))
    return found


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


def take(connection: Connection, operation_id: str, terms: Terms, owner: Owner) -> int | None:
    """Begins the first unit that nobody has begun; None without one, or if the operation is to run no more."""
    runs = select(true()).where(operations.c.id == operation_id, *_RUNS)
    asked = (*_of(operation_id, terms), units.c.owner.is_(None), runs.exists())
    first = select(*as_stored([units.c.number])).where(*asked).order_by(units.c.number).limit(1)
    number = connection.execute(first.with_for_update(skip_locked=True, of=units)).scalar()
    if not isinstance(number, int):  # SQLite sorts damaged ones behind all others
        return None
    this = (units.c.operation_id == operation_id, units.c.number == number)
    connection.execute(update(units).where(*this).values(owner=owner.text))
    return number


def hand_in(connection: Connection, operation_id: str, number: int, terms: Terms, data: bytes) -> None:
    """Stores the result of a unit, unless it is there already or no longer asked for under these terms."""
    seal = _seal(operation_id, number, terms, data)
    this = (*_of(operation_id, terms), units.c.number == number)
    connection.execute(update(units).where(*this).values(data=data, seal=seal))


def helpable(connection: Connection, capabilities: Capabilities | None, version: str) -> list[Operation]:
    """Returns the running operations with units that nobody has begun, oldest submission first.

    Left out are those that were started under other numbers, and units of another version of this package.
    """
    offered = select(true()).where(
        units.c.operation_id == operations.c.id,
        units.c.version == version,
        units.c.owner.is_(None),
        units.c.data.is_(None),
    )
    wanted = (*_RUNS, offered.exists(), *suits(capabilities))
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


def _seal(operation_id: str, number: int, terms: Terms, data: bytes) -> bytes:
    return unit_seal(operation_id, number, terms.identity, terms.version, data)

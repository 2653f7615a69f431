"""Reads that change nothing: lists of operations, ledgers, results, checkpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Connection, Row, Select, bindparam, func, select

from ktrdr._types import Json
from ktrdr.errors import ArgumentInvalid, NotFound, ReferenceAmbiguous, ResultDamaged, SnapshotCorrupt
from ktrdr.operations.models import (
    LATEST,
    OPERATION_ID,
    REFERENCE,
    CheckpointRecord,
    LoggedTrial,
    Operation,
    Outcome,
    Overview,
    Segment,
    Status,
)
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.checkpoints import digest
from ktrdr.operations.store.fleet import waiting_reasons
from ktrdr.operations.store.proof.columns import Column, blob, instant, read_columns, whole
from ktrdr.operations.store.proof.outcomes import (
    check_ledger,
    damaged,
    read_outcome,
    read_summary,
    read_trial,
    select_results,
    select_trials,
)
from ktrdr.operations.store.rows import find, moment, no_such_operation, operation_of, select_operation, stored
from ktrdr.operations.store.tables import (
    as_stored,
    checkpoints,
    damaged_checkpoints,
    ledger_segments,
    operations,
    results,
)
from ktrdr.operations.store.tables import trials as logged

MAX_PAGE = 500
_MOST_CANDIDATES = 10
_NEWEST = 2**63 - 1
_NO_FIGURES: Json = {}
_End: TypeAlias = tuple[Json | None, str | None]
"""Figures and hash of a result: empty and None without one, None and None for one that is damaged or gone."""
_LOST: _End = (None, None)
_OF = results.c
_SUMMARY = (_OF.operation_id, _OF.result_hash, _OF.identity, _OF.summary, _OF.summary_seal)
_SUMMARIES = select(*as_stored(_SUMMARY)).where(_OF.operation_id.in_(bindparam("ids", expanding=True)))
_OF_PARENTS = operations.c.parent_id.in_(bindparam("parents", expanding=True))
_PARTS = select_operation().where(_OF_PARENTS).order_by(operations.c.seq)
_CHECKPOINT = {
    "generation": Column(whole, 0),
    "bar": Column(whole, 0),
    "snapshot": Column(blob, b""),
    "saved_at": Column(instant, moment(0.0)),
}


def list_operations(
    connection: Connection,
    status: Status | None,
    kind: str | None,
    parent_id: str | None,
    limit: int,
    cursor: str | None,
) -> tuple[list[Operation], str | None]:
    """Returns one page, newest first, and the cursor of the next one."""
    most = _page(limit)
    given: dict[str, Any] = {"parent_id": parent_id, "kind": kind}
    if status not in (None, Status.DAMAGED):  # damage is found by reading, whatever the table says
        given["status"] = stored(status)
    values = {name: value for name, value in given.items() if value is not None}
    values |= {"before": _NEWEST if cursor is None else _number(cursor), "rows": most + 1}
    statement = _newest(top=parent_id is None, equal=tuple(name for name in values if name in given))
    found: list[Operation] = []
    last = None
    while rows := connection.execute(statement, values).all():
        for row in rows:
            if len(found) == most:
                return found, str(last)
            operation = operation_of(row)
            if status in (None, operation.status):  # running and interrupted are one word in the table
                found.append(operation)
                last = row.seq
        values["before"] = rows[-1].seq
    return found, None


@cache
def _newest(*, top: bool, equal: tuple[str, ...]) -> Select[Any]:
    """Returns the statement for a page, made once: to compile it takes longer than to run it.

    Args:
        top: leaves out the parts of other operations.
        equal: columns whose value is given.
    """
    wanted = [operations.c[name] == bindparam(name) for name in equal]
    if top:
        wanted.append(operations.c.parent_id.is_(None))
    before = operations.c.seq < bindparam("before", type_=BigInteger)
    return select_operation().where(before, *wanted).order_by(operations.c.seq.desc()).limit(bindparam("rows"))


def find_id(connection: Connection, reference: str) -> str:
    """Returns the id that a person means; raises ``NotFound``, or ``ReferenceAmbiguous`` with the candidates."""
    if re.fullmatch(OPERATION_ID, reference):
        return reference
    if not re.fullmatch(REFERENCE, reference):
        raise no_such_operation(reference)
    column = operations.c.id
    ids = select(column).order_by(operations.c.seq.desc())
    if reference == LATEST:
        newest: str | None = connection.execute(ids.where(operations.c.parent_id.is_(None)).limit(1)).scalar()
        if newest is None:
            raise NotFound("there is no operation yet", found=reference)
        return newest
    # An id has one underscore, between its kind and its digits.
    begins = column.startswith(reference, autoescape=True) | column.contains(f"_{reference}", autoescape=True)
    found: list[str] = list(connection.execute(ids.where(begins).limit(_MOST_CANDIDATES + 1)).scalars())
    if not found:
        raise no_such_operation(reference)
    if len(found) > 1:
        shown = found[:_MOST_CANDIDATES]
        expected = ", ".join(shown) + (" or another one" if len(found) > _MOST_CANDIDATES else "")
        raise ReferenceAmbiguous(
            "several operations begin with it",
            where="operation",
            found=reference,
            expected=f"one of {expected}",
            hint="write more of the id",
            candidates=shown,
        )
    return found[0]


def _page(limit: int) -> int:
    if not 1 <= limit <= MAX_PAGE:
        raise ArgumentInvalid("outside the range", where="limit", found=limit, expected=f"1 to {MAX_PAGE}")
    return limit


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise ArgumentInvalid("not a cursor", where="cursor", found=cursor, expected="one that a page has given")
    return int(cursor)


def owned_by(connection: Connection, owners: Iterable[Owner]) -> list[Operation]:
    """Returns the running operations of those processes, oldest first, without parts and damaged ones."""
    theirs = (operations.c.owner.in_([owner.text for owner in owners]), operations.c.parent_id.is_(None))
    statement = select_operation().where(*theirs, operations.c.status == Status.RUNNING.value)
    found = [operation_of(row) for row in connection.execute(statement.order_by(operations.c.seq))]
    return [operation for operation in found if operation.status is not Status.DAMAGED]


def parts(connection: Connection, operation_ids: Iterable[str]) -> dict[str, list[Operation]]:
    """Returns the parts of those operations that have any, by the id of their parent, oldest first."""
    found: dict[str, list[Operation]] = {}
    for row in connection.execute(_PARTS, {"parents": list(operation_ids)}):
        found.setdefault(row.parent_id, []).append(operation_of(row))
    return found


def segment_starts(connection: Connection, operation_id: str, kind: str, upto: int | None) -> list[int]:
    """Returns the first row of each segment of a ledger, in order."""
    found = find(connection, operation_id)
    if found.status is Status.COMPLETED:
        check_ledger(connection, operation_id, kind)
    mine = [ledger_segments.c.operation_id == operation_id, ledger_segments.c.kind == kind]
    if upto is not None:
        mine.append(ledger_segments.c.generation <= upto)
    statement = select(ledger_segments.c.seq_from).where(*mine).order_by(ledger_segments.c.seq_from)
    return list(connection.execute(statement).scalars())


def segments(connection: Connection, operation_id: str, kind: str, starts: Iterable[int]) -> list[Segment]:
    """Returns the segments that begin at those rows; ``SnapshotCorrupt`` if the bytes are not the saved ones."""
    mine = (
        ledger_segments.c.operation_id == operation_id,
        ledger_segments.c.kind == kind,
        ledger_segments.c.seq_from.in_(list(starts)),
    )
    rows = connection.execute(select(*as_stored(ledger_segments.c)).where(*mine).order_by(ledger_segments.c.seq_from))
    return [_segment(row) for row in rows]


def _segment(row: Row[Any]) -> Segment:
    if not isinstance(row.data, bytes) or digest(row.data) != row.hash:
        where = f"{row.operation_id}: ledger {row.kind}"
        rows = f"rows {row.seq_from} to {row.seq_to - 1}"
        raise SnapshotCorrupt("the bytes are not those that were saved", where=where, found=rows)
    return Segment(row.kind, row.seq_from, row.seq_to, row.data)


def outcome(connection: Connection, operation_id: str) -> Outcome | None:
    """Returns the result of a completed operation, None before its end; ``NotFound``, ``ResultDamaged``."""
    found = find(connection, operation_id)
    row = connection.execute(select_results().where(results.c.operation_id == operation_id)).one_or_none()
    if row is None and found.status is Status.COMPLETED:
        raise damaged(operation_id, "nothing")
    if row is None:
        return None
    return read_outcome(row)


def trials(
    connection: Connection, symbol: str, timeframe: str, from_ns: int, until_ns: int, upto: str | None
) -> list[LoggedTrial]:
    """Returns the logged trials of a symbol and a base timeframe that overlap a span, oldest first."""
    wanted = [
        logged.c.symbol == symbol,
        logged.c.timeframe == timeframe,
        logged.c.from_ns < until_ns,
        logged.c.until_ns > from_ns,
    ]
    statement = select_trials(*wanted)
    if upto is not None:
        last = select(func.max(logged.c.seq)).where(logged.c.operation_id == upto).scalar_subquery()
        statement = statement.where(logged.c.seq <= last)
    return [read_trial(row) for row in connection.execute(statement)]


def overviews(connection: Connection, found: Iterable[Operation], lease_s: float) -> list[Overview]:
    """Returns the overviews of operations in their order; figures, parts and reasons of all are read at once."""
    shown = list(found)
    done = [each.id for each in shown if each.status is Status.COMPLETED]
    ends: dict[str, _End] = {each.id: (_NO_FIGURES, None) for each in shown}
    # A completed operation has a result: one whose figures are not there has lost it.
    ends |= dict.fromkeys(done, _LOST) | (_ends(connection, done) if done else {})
    whole = [each.id for each in shown if each.parent_id is None]
    of_parents = parts(connection, whole) if whole else {}
    waiting = waiting_reasons(connection, shown, lease_s)
    return [
        Overview(each, *ends[each.id], tuple(of_parents.get(each.id, ())), waiting.get(each.id, {})) for each in shown
    ]


def _ends(connection: Connection, operation_ids: list[str]) -> dict[str, _End]:
    """Returns figures and hash of those operations that have a result, by id."""
    rows = connection.execute(_SUMMARIES, {"ids": operation_ids})
    return {row.operation_id: _sound(row) for row in rows}


def _sound(row: Row[Any]) -> _End:
    try:
        return read_summary(row), row.result_hash
    except ResultDamaged:
        return _LOST


def checkpoint_records(connection: Connection, operation_id: str) -> list[CheckpointRecord]:
    """Returns the kept checkpoints, newest first, then those that were put aside."""
    find(connection, operation_id)
    good = select(*as_stored(checkpoints.c)).where(checkpoints.c.operation_id == operation_id)
    bad = select(*as_stored(damaged_checkpoints.c)).where(damaged_checkpoints.c.operation_id == operation_id)
    return [
        *(_record(row, None) for row in connection.execute(good.order_by(checkpoints.c.generation.desc()))),
        *(_record(row, row.code) for row in connection.execute(bad.order_by(damaged_checkpoints.c.seq.desc()))),
    ]


def _record(row: Row[Any], damage: str | None) -> CheckpointRecord:
    values, unreadable = read_columns(dict(row._mapping), _CHECKPOINT)
    size_bytes = len(values.pop("snapshot"))
    return CheckpointRecord(**values, size_bytes=size_bytes, damage=SnapshotCorrupt.code if unreadable else damage)


def snapshot(connection: Connection, operation_id: str, generation: int | None) -> bytes:
    """Returns the bytes of a checkpoint, also of one that was put aside; ``NotFound``."""
    find(connection, operation_id)
    for table in (checkpoints, damaged_checkpoints):
        statement = select(table.c.snapshot).where(table.c.operation_id == operation_id)
        if generation is not None:
            statement = statement.where(table.c.generation == generation)
        found: bytes | None = connection.execute(statement.order_by(table.c.generation.desc()).limit(1)).scalar()
        if found is not None:
            return found
    raise NotFound("no such checkpoint", operation=operation_id, found=generation)

"""The protocol of a kind of operation: everything that this package and its users need to know of one.

A new kind is one file that implements `Kind`, and one line in ``ktrdr.operations.KINDS``. Workers, the store, HTTP and
the command line then run, list, cancel and resume it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ktrdr._types import Json
from ktrdr.errors import ArgumentInvalid, NotCompleted, NotFound
from ktrdr.operations import KINDS
from ktrdr.operations.models import Capability, Claim, Operation, Outcome, Result
from ktrdr.operations.registry import registered
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.checkpoints import SnapshotFormat
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.workers import SharedWork

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Change:
    """A rule of a request that differs from its file, as JSON values; ``file`` is None where the file has no such rule.

    Args:
        run: the value that the run has.
        file: the value that the file gives, its defaults included.
    """

    run: object
    file: object


def changes(run: Mapping[str, object], file: Mapping[str, object]) -> dict[str, Change]:
    """Returns the rules in which a run differs from its file, both by dotted name.

    Two choices of the same keys are compared key by key.

    >>> changes({"exits": {"atr": 2}}, {"exits": {"atr": 3}})
    {'exits.atr': Change(run=2, file=3)}
    """
    found: dict[str, Change] = {}
    for name in {**run, **file}:
        mine = run.get(name)
        other = file.get(name)
        if isinstance(mine, Mapping) and isinstance(other, Mapping) and set(mine) == set(other):
            found |= {f"{name}.{key}": Change(mine[key], other[key]) for key in mine if mine[key] != other[key]}
        elif mine != other:
            found[name] = Change(mine, other)
    return found


@dataclass(frozen=True)
class Shown:
    """The part of a request that lists and pages print.

    Args:
        title: one line, such as ``trend EURUSD 1h``.
        detail: a second line, such as its dates; empty where there is nothing to add.
        fields: the same as data, by name.
        changes: rules by name that differ from those of the request's own file.
    """

    title: str
    detail: str = ""
    fields: Mapping[str, str | None] = field(default_factory=dict)
    changes: Mapping[str, Change] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A part of the report on a completed operation: data under a name for programs, lines or a table for people.

    Args:
        name: key of the data; empty for a part that only people read.
        data: a JSON value.
        lines: sentences.
        headings: of the table; empty without a table.
        rows: cells of the table, as text.
    """

    name: str
    data: object
    lines: Sequence[str] = ()
    headings: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Proof:
    """One thing that was looked at in order to prove a result.

    Args:
        name: the thing, in a word or two.
        holds: False for a result that is not what it should be; None where the proof could not be tried.
        detail: what was found.
    """

    name: str
    holds: bool | None
    detail: str


class Kind(SnapshotFormat, Protocol):
    """A kind of operation. The methods with a body are defaults for kinds that subclass this protocol.

    Args:
        name: lower-case letters; the first part of an operation's id.
        tables: names that `table` accepts.
        unit: what its progress counts, in the plural.
        in_units: True for runs that are divided into units, which a cluster may compute.
        every_core: True if a unit takes every core that its process may use, whatever the threads of the run.
    """

    name: str
    tables: Sequence[str] = ()
    unit: str = "bars"
    in_units: bool = False
    every_core: bool = False

    def parse(self, spec: Json) -> object:
        """Returns the request that a spec holds; checks all that needs no data. Raises ``KtrdrError`` leaves."""

    def shown(self, spec: Json) -> Shown:
        """Returns what lists and pages print of a request."""

    def figures(self, summary: Json) -> Mapping[str, float | int | None]:
        """Returns the few numbers of a result by which lists tell operations apart; None where one is undefined."""
        return {}

    def headline(self, manifest: Json) -> str:
        """Returns one line about a completed operation, from its manifest."""
        return self.name

    def remarks(self, result: Result) -> Sequence[Section]:
        """Returns the sections that follow every result, such as defaults that a reader must know."""
        return ()

    def sections(self, result: Result) -> Sequence[Section]:
        """Returns the sections of a full report: every figure, and the result in parts."""
        return ()

    def inputs(self, spec: Json, result: Result) -> Mapping[str, object]:
        """Returns all that an operation was made from, by name, so that two operations can be compared."""
        return result.manifest

    def described(self, snapshot: bytes) -> Json:
        """Returns the content of a snapshot, JSON-ready; raises a ``SnapshotError`` leaf."""
        raise ArgumentInvalid("its snapshots cannot be shown", where="kind", found=self.name)

    def run(self, claim: Claim, io: RunIO) -> Result:
        """Runs a claimed operation to its end, from its checkpoint where the claim has one.

        Returns once the result is stored. Raises ``Cancelled``, ``LeaseLost``, ``StorageError`` or the error that is
        stored with the failed operation; `recorded` in ``running/session.py`` does all of this.
        """

    def shared_work(self, operation: Operation, token: Token) -> SharedWork:
        """Returns the work of an operation that another worker runs and shares, made again from its request.

        Raises what `run` raises where its inputs cannot be had here.
        """
        raise ArgumentInvalid("is not divided into units", where="kind", found=self.name)

    def capability(self) -> Capability:
        """Returns the numbers that this process computes with; an operation resumes only under equal ones."""
        return Capability()

    def unchanged(self, spec: Json) -> None:
        """Passes if the names in a spec still mean what they meant at submission; else ``IdentityMismatch``."""

    def forked(self, spec: Json, changes: Json, threads: int) -> Json:
        """Returns the spec of a fork with these changes, checked as `parse` does."""
        raise ArgumentInvalid("cannot be forked", where="kind", found=self.name)

    def forget(self, operation_id: str) -> None:
        """Removes what an operation keeps outside the database, once it is deleted there."""
        return

    def result(self, store: Store, operation_id: str) -> Result:
        """Returns the result of a completed operation; ``NotCompleted`` before the end."""
        return completed(store, operation_id)

    def proofs(self, store: Store, operation_id: str, *, rerun: bool) -> Iterable[Proof]:
        """Returns the proofs of a result whose stored rows are sound; ``rerun`` makes it again from its inputs."""
        return (Proof("rerun", holds=None, detail=f"a {self.name} is not run again"),) if rerun else ()

    def table(self, store: Store, operation_id: str, name: str) -> pl.DataFrame:
        """Returns one table of a completed operation; ``NotFound`` for a name that is not among `tables`."""
        raise NotFound(f"an operation of kind {self.name} has no table {name}", operation=operation_id)

    def equity(self, store: Store, operation_id: str) -> pl.DataFrame | None:
        """Returns time and equity as far as they are stored, also of an operation that runs; None for a kind without.

        Columns: ``time`` [datetime, ns, UTC], ``equity`` [float64, account currency].
        """
        return None


def completed(store: Store, operation_id: str) -> Outcome:
    """Returns the stored result of an operation; ``NotCompleted`` before its end."""
    found = store.outcome(operation_id)
    if found is None:
        status = store.get(operation_id).status.value
        raise NotCompleted("it has no result yet", operation=operation_id, found=status, expected="completed")
    return found


def kind_of(name: str) -> Kind:
    """Returns the registered kind of that name; ``ArgumentInvalid`` for an unknown one."""
    kind: Kind = registered(name)
    return kind


def delete(store: Store, operation_id: str) -> None:
    """Removes an operation with its parts, their data and their files; ``AlreadyRunning`` while one runs."""
    found = [store.get(operation_id), *store.parts([operation_id]).get(operation_id, ())]
    store.delete(operation_id)
    for gone in found:
        if gone.kind in KINDS:
            kind_of(gone.kind).forget(gone.id)


def shown(kind: str, spec: Json) -> Shown:
    """Returns what to print of a request, also of a kind that only a later version knows."""
    return kind_of(kind).shown(spec) if kind in KINDS else Shown(kind)


def figures(kind: str, summary: Json) -> Mapping[str, float | int | None]:
    """Returns the numbers to list of a result, none of a kind that only a later version knows."""
    return kind_of(kind).figures(summary) if kind in KINDS else {}


def unit_of(kind: str) -> str:
    """Returns what the progress of a kind counts, also of one that only a later version knows.

    >>> unit_of("backtest")
    'bars'
    """
    return kind_of(kind).unit if kind in KINDS else "steps"


def capabilities() -> dict[str, Capability]:
    """Returns the capability of this process for every registered kind; may import torch."""
    return {name: kind_of(name).capability() for name in KINDS}

"""Proofs of a stored result: its rows, its figures derived again, and on request the run itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ktrdr.errors import KtrdrError
from ktrdr.operations.kind import Proof, kind_of
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.store.store import Store


@dataclass(frozen=True)
class Verification:
    """The proofs of one operation's result, in the order in which they build on each other.

    Args:
        operation_id: of the operation.
        result_hash: of its result; None where that cannot be read.
        proofs: one for each thing that was looked at.
    """

    operation_id: str
    result_hash: str | None
    proofs: tuple[Proof, ...]

    @property
    def failed(self) -> list[Proof]:
        """Returns the proofs that do not hold; those that could not be tried are not among them."""
        return [proof for proof in self.proofs if proof.holds is False]

    def to_dict(self) -> Mapping[str, Any]:
        """Returns the proofs, JSON-ready."""
        return {
            "operation_id": self.operation_id,
            "result_hash": self.result_hash,
            "holds": not self.failed,
            "proofs": [vars(proof) for proof in self.proofs],
        }


def verify_result(store: Store, operation_id: str, *, rerun: bool = False) -> Verification:
    """Verifies the stored result of a completed operation.

    Args:
        store: database of the operation.
        operation_id: its id, the start of it, or ``latest``.
        rerun: whether it is run again from its inputs, and compared.

    Raises:
        NotFound: there is no such operation.
        NotCompleted: it has no result yet.
    """
    operation_id = store.find_id(operation_id)
    operation = store.get(operation_id)
    if operation.status is Status.DAMAGED:
        found = str((operation.error or {}).get("message", "damaged"))
        return Verification(operation_id, None, (Proof("request", holds=False, detail=found),))
    kind = kind_of(operation.kind)
    result_hash = kind.result(store, operation_id).result_hash if _is_sealed(store, operation_id) else None
    proofs = [Proof("request", holds=True, detail="is the one that was submitted")]
    proofs += _stored(store, operation)
    if all(proof.holds for proof in proofs):
        proofs += kind.proofs(store, operation_id, rerun=rerun)
    return Verification(operation_id, result_hash, tuple(proofs))


def _is_sealed(store: Store, operation_id: str) -> bool:
    return _proof("", partial(store.outcome, operation_id)).holds is True


def _stored(store: Store, operation: Operation) -> list[Proof]:
    """Returns the proofs that the rows of a result and of its ledger are those that were written."""
    proofs = [_proof("result", partial(store.outcome, operation.id))]
    for table in kind_of(operation.kind).tables:
        proofs.append(_proof(f"ledger {table}", partial(_read_all, store, operation.id, table)))
    return proofs


def _read_all(store: Store, operation_id: str, table: str) -> None:
    for _ in store.segments(operation_id, table):
        pass


def _proof(name: str, read: Callable[[], object]) -> Proof:
    try:
        read()
    except KtrdrError as error:
        return Proof(name, holds=False, detail=str(error))
    return Proof(name, holds=True, detail="is what was written")

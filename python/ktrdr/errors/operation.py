"""Errors of operations and of their database."""

from __future__ import annotations

from typing import ClassVar

from ktrdr.errors.base import KtrdrError


class OperationError(KtrdrError, ValueError):
    """An operation whose state forbids the request; ``operation`` is its id."""

    place_fields: ClassVar[tuple[str, ...]] = ("operation",)
    operation: str | None

    def _details(self) -> list[str | None]:
        return [self.operation]


class NotFound(OperationError, LookupError, code="not_found"):
    """No operation with this id, or nothing at this address."""


class AlreadyRunning(OperationError, code="already_running"):
    """An operation that another process runs; its lease ends in ``retry_after`` seconds."""

    place_fields = ("operation", "retry_after")
    retry_after: float | None


class AlreadyCompleted(OperationError, code="already_completed"):
    """An operation that has its result already; a result never changes."""


class NotCompleted(OperationError, code="not_completed"):
    """A result that does not exist yet; ``status`` is the state of the operation."""

    place_fields = ("operation", "status")
    status: str | None


class NothingToFork(OperationError, code="nothing_to_fork"):
    """A fork of an operation that has no snapshot."""


class ChildOperation(OperationError, code="child_operation"):
    """A request to a part of a larger operation that can only be shown."""


class LeaseLost(OperationError, code="lease_lost"):
    """A write by a process that lost its lease; nothing is written."""


class OperationDamaged(OperationError, code="operation_damaged"):
    """An operation whose row in the database is not what was written; ``found`` names the columns."""


class ResultDamaged(OperationError, code="result_damaged"):
    """A result, or a part of its ledger, that is not what was written; ``found`` names the part."""


class Poisoned(OperationError, code="poisoned"):
    """An operation whose process crashed three times without progress."""


class BrokerMismatch(OperationError, code="broker_mismatch"):
    """A broker that holds other positions or orders than the run believes; nothing is sent to it."""


class StorageError(KtrdrError, RuntimeError):
    """A database of operations that cannot be used."""


class StorageUnavailable(StorageError, code="storage_unavailable"):
    """A database that cannot be reached or written; what was saved can be resumed.

    ``transient`` is True if it is locked, away or full: another attempt may succeed.
    """

    place_fields = ("transient",)
    transient: bool | None


class DatabaseTooNew(StorageError, code="database_too_new"):
    """A database that a later version of ktrdr has written."""


class ClusterFailed(KtrdrError, RuntimeError, code="cluster_failed"):
    """A cluster that cannot be reached, or on which a unit failed; what was stored can be resumed."""

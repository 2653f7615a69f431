"""Results of trainings in the store, read back without their bundles."""

from __future__ import annotations

from ktrdr.data.store.repository import Repository
from ktrdr.neural.metadata import metadata_from_json
from ktrdr.operations.kind import completed
from ktrdr.operations.store.store import Store
from ktrdr.training.run.result import TrainResult


def stored_result(store: Store, operation_id: str) -> TrainResult:
    """Returns the result of a completed training; its bundle may have been deleted since.

    Raises ``NotFound`` and ``NotCompleted``.
    """
    operation_id = store.find_id(operation_id)
    found = completed(store, operation_id)
    manifest = found.manifest
    metadata = metadata_from_json(manifest["metadata"], dict, where=operation_id)
    return TrainResult(
        path=Repository().models_dir / manifest["model"],
        metadata=metadata,
        history=tuple(manifest["history"]),
        rules=manifest["rules"],
        is_new=manifest["is_new"],
        operation=operation_id,
        notices=tuple(line for line in found.warnings if line not in metadata.warnings),
    )

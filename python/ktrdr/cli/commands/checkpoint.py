"""``ktrdr checkpoint inspect``: prints the content of a snapshot."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ktrdr.cli.output import CommandResult
from ktrdr.errors import ArgumentInvalid, NotFound
from ktrdr.operations.models import OPERATION_ID, REFERENCE


def inspect(source: str, /, *, generation: int | None = None) -> CommandResult:
    """Print a snapshot as JSON.

    Parameters
    ----------
    source
        An operation (its id, the start of it, or latest), or a file that holds a snapshot.
    generation
        Of the operation; by default its newest.
    """
    from ktrdr.operations.kind import kind_of

    kind, snapshot = _found(source, generation)
    data: dict[str, Any] = dict(kind_of(kind).described(snapshot))
    return CommandResult(data, [json.dumps(data, indent=2)])


def _found(source: str, generation: int | None) -> tuple[str, bytes]:
    """Returns the kind and the bytes of a snapshot."""
    is_id = re.fullmatch(OPERATION_ID, source) is not None
    if is_id or (re.fullmatch(REFERENCE, source) and not Path(source).exists()):
        from ktrdr.operations.store.store import Store

        store = Store.open()
        try:
            operation = store.get(store.find_id(source))
            return operation.kind, store.snapshot(operation.id, generation)
        except NotFound:
            if is_id:
                raise
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise ArgumentInvalid(
            f"neither an operation nor a file that can be read: {error.strerror}", where="checkpoint", found=source
        ) from None
    from ktrdr.training.job.snapshot import MAGIC

    return ("training" if data.startswith(MAGIC) else "backtest"), data

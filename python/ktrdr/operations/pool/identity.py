"""A worker as it describes itself: its id, what it can compute bit for bit, and which data it has."""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ktrdr import _core

_MODEL_DEPTH = 2


@dataclass(frozen=True)
class WorkerHere:
    """What a child knows of the worker it runs for.

    Args:
        id: as registered.
        data_stamp: of the data folder when the operation was claimed: a mark against the worker holds for that.
    """

    id: str
    data_stamp: str


def new_worker_id() -> str:
    """A name that no other worker has, and that tells the host."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


def data_stamp(root: Path) -> str:
    """Changes whenever a series or a model comes, goes or is replaced; the database beside them does not count."""
    digest = hashlib.sha256()
    for path in _data_files(root):
        try:
            facts = path.stat()
        except FileNotFoundError:
            continue
        digest.update(f"{path.relative_to(root)}\0{facts.st_mtime_ns}\0{facts.st_size}\n".encode())
    return digest.hexdigest()[:16]


def _data_files(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob("*.parquet"))
    for depth in range(1, _MODEL_DEPTH + 1):
        yield from sorted(root.glob("models" + "/*" * depth))


def capability() -> dict[str, Any]:
    """The numeric profile and the semantics version of this process; imports torch."""
    from ktrdr.backtesting.identity import machine_profile

    return {"profile": machine_profile(), "semantics": _core.SEMANTICS}

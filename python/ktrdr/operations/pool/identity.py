"""A worker's description of itself: its id, and a stamp of the data that it has."""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MODEL_DEPTH = 2


@dataclass(frozen=True)
class WorkerHere:
    """The worker that a child runs for.

    Args:
        id: id in the store.
        data_stamp: stamp of the data folder at the claim; a mark against the worker holds for that stamp.
    """

    id: str
    data_stamp: str


def new_worker_id() -> str:
    """Returns an id that no other worker has and that names the host."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


def data_stamp(root: Path) -> str:
    """Returns a stamp that changes with every added, removed or replaced series or model."""
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

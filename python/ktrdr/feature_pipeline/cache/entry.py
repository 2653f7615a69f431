"""One entry of the feature cache as bytes: a hash over all of it, a header, then the arrays."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from ktrdr import _core
from ktrdr.disk import open_regular
from ktrdr.feature_pipeline.assembly import Assembly

_HASH_BYTES = 32
_SIZE_BYTES = 8
_MOST_HEADER_BYTES = 1_000_000
_DTYPES = ("<f4", "<f8", "|b1")


def entry_bytes(key: str, assembly: Assembly) -> Iterator[bytes | memoryview]:
    """Yields the parts of an entry in their order; the hash covers its name too, so no entry passes for another."""
    arrays = [assembly.values, assembly.stale, *assembly.raw.values()]
    facts = {
        "shapes": [[array.dtype.str, list(array.shape)] for array in arrays],
        "kinds": list(assembly.kinds.items()),
    }
    header = json.dumps(facts).encode()
    yield _hash_of(key, header, arrays)
    yield len(header).to_bytes(_SIZE_BYTES, "little")
    yield header
    for array in arrays:
        yield np.ascontiguousarray(array).data.cast("B") if array.size else b""


def entry_size(assembly: Assembly) -> int:
    """Returns about how many bytes an entry takes."""
    return assembly.values.nbytes + assembly.stale.nbytes + sum(column.nbytes for column in assembly.raw.values())


def read_entry(file: Path, key: str) -> Assembly | None:
    """Returns the content of an entry; None where there is none, or its bytes are not those that were written."""
    try:
        with open_regular(file, file.parent) as stream:
            return _read(stream, key, file.stat().st_size)
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return None


def _read(stream: BufferedReader, key: str, size: int) -> Assembly | None:
    recorded = stream.read(_HASH_BYTES)
    length = int.from_bytes(stream.read(_SIZE_BYTES), "little")
    if length > _MOST_HEADER_BYTES:
        return None
    header = stream.read(length)
    facts: dict[str, Any] = json.loads(header)
    shapes = [(dtype, tuple(int(side) for side in shape)) for dtype, shape in facts["shapes"]]
    if any(dtype not in _DTYPES or min(shape, default=0) < 0 for dtype, shape in shapes):
        return None
    arrays_bytes = sum(np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in shapes)
    if size != _HASH_BYTES + _SIZE_BYTES + length + arrays_bytes:
        return None
    arrays = [np.empty(shape, dtype) for dtype, shape in shapes]
    for array in arrays:
        if array.size and stream.readinto(array.data.cast("B")) != array.nbytes:
            return None
    if _hash_of(key, header, arrays) != recorded:
        return None
    values, stale, *raw = arrays
    kinds = {int(column): str(kind) for column, kind in facts["kinds"]}
    return Assembly(values, stale, dict(zip(kinds, raw, strict=True)), kinds)


def _hash_of(key: str, header: bytes, arrays: list[np.ndarray[Any, Any]]) -> bytes:
    return bytes(_core.content_hash([key.encode(), header, *(np.ascontiguousarray(array) for array in arrays)]))

"""Compares two canonical strategies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ktrdr.config.place import KeyPath, dotted

_ABSENT = "absent"


def differences(found: object, expected: object, path: KeyPath = ()) -> Iterator[tuple[str, Any, Any]]:
    """Yields dotted path, value found and value expected of each difference, in the order of ``expected``.

    >>> list(differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}}))
    [('a.b', 1, 3), ('c', 2, 'absent')]
    """
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in [*expected, *(key for key in found if key not in expected)]:
            yield from differences(found.get(key, _ABSENT), expected.get(key, _ABSENT), (*path, key))
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for index, (left, right) in enumerate(zip(found, expected, strict=True)):
            yield from differences(left, right, (*path, index))
    elif found != expected:
        yield dotted(path), found, expected

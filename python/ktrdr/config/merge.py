"""Merges two mappings of a configuration, the same way for every section."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def merge(base: Mapping[str, Any], override: Mapping[str, Any], replaced_whole: Collection[str] = ()) -> dict[str, Any]:
    """Returns ``override`` over ``base``: mappings merge key by key, anything else is replaced.

    Args:
        base: the values that hold where ``override`` has none.
        override: the values that win.
        replaced_whole: keys at any depth whose mapping is a choice, so that two of them cannot be mixed.

    >>> merge({"exits": {"atr_period": 20}}, {"exits": {"max_holding_bars": 5}})
    {'exits': {'atr_period': 20, 'max_holding_bars': 5}}
    >>> merge({"sizing": {"kind": "cash_fraction"}}, {"sizing": {"quantity": 1}}, replaced_whole={"sizing"})
    {'sizing': {'quantity': 1}}
    """
    merged = dict(base)
    for key, value in override.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and key not in replaced_whole:
            merged[key] = merge(old, value, replaced_whole)
        else:
            merged[key] = value
    return merged

"""Parts of the numeric profile that are known without torch.

The profile is what decides the last bits of a score. A run resumes only under the profile it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

DEFAULT_THREADS: Final = 2
"""Torch threads where the caller gives none."""

MAX_THREADS: Final = 1_024

BLOCK_ROWS: Final[Mapping[str, int]] = MappingProxyType({"mlp": 4_096, "lstm": 256, "gru": 256})
"""Rows per inference block, by kind of net. Matrix products of another height may differ in the last bit."""


def column_profile() -> dict[str, Any]:
    """Returns the libraries that compute whole columns, and numpy's instruction sets: the part of a machine's profile
    that decides the bits of features.

    >>> list(column_profile())
    ['numpy', 'numpy_dispatch', 'polars', 'talib']
    """
    import numpy as np  # a program that only asks for a default needs none

    simd: Mapping[str, Any] = np.show_config(mode="dicts")["SIMD Extensions"]
    return {
        "numpy": np.__version__,
        "numpy_dispatch": [*simd.get("baseline", []), *simd.get("found", [])],
        "polars": library_version("polars"),
        "talib": library_version("TA-Lib"),
    }


@cache
def library_version(library: str) -> str:
    """Returns the version of an installed library; its metadata are read once, which takes a millisecond."""
    return version(library)

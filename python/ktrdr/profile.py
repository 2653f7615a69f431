"""Parts of the numeric profile that are known without torch.

The profile is what decides the last bits of a score. A run resumes only under the profile it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DEFAULT_THREADS: Final = 2
"""Torch threads where the caller gives none."""

MAX_THREADS: Final = 1_024

BLOCK_ROWS: Final[Mapping[str, int]] = MappingProxyType({"mlp": 4_096, "lstm": 256, "gru": 256})
"""Rows per inference block, by kind of net. Matrix products of another height may differ in the last bit."""

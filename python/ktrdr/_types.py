"""Type names that every layer shares. Importing this module loads no library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Text instead of the types themselves: the command line needs `Json` and must start without numpy.
Floats: TypeAlias = "NDArray[np.float64]"
"""An array of float64."""

Stamps: TypeAlias = "NDArray[np.int64]"
"""An array of instants, int64, ns UTC since 1970."""

RowNumbers: TypeAlias = "NDArray[np.int64]"
"""An array of row numbers, int64; -1 where there is none."""

Flags: TypeAlias = "NDArray[np.bool_]"
"""An array of bool, one for each row."""

Json: TypeAlias = Mapping[str, Any]
"""A JSON object that is only read."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object that is built or changed."""

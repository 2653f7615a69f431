"""The machine's part of the numeric profile: all but the run's threads and block size."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from ktrdr._lazy import require


def machine_profile() -> dict[str, Any]:
    """Returns libraries, instruction sets and number type: what decides the last bits of a score. Imports torch.

    >>> machine_profile()["dtype"]
    'float32'
    """
    require("torch")
    from ktrdr.neural.runtime import torch_profile

    simd: Mapping[str, Any] = np.show_config(mode="dicts")["SIMD Extensions"]
    return {
        **torch_profile(),
        "numpy": np.__version__,
        "numpy_dispatch": [*simd.get("baseline", []), *simd.get("found", [])],
        "polars": version("polars"),
        "talib": version("TA-Lib"),
        "dtype": "float32",
    }

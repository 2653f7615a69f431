"""The machine's part of the numeric profile: all but the run's threads and block size."""

from __future__ import annotations

from typing import Any

from ktrdr._lazy import require
from ktrdr.profile import column_profile


def machine_profile() -> dict[str, Any]:
    """Returns libraries, instruction sets and number type: what decides the last bits of a score. Imports torch.

    >>> machine_profile()["dtype"]
    'float32'
    """
    require("torch")
    from ktrdr.neural.runtime import torch_profile

    return {**torch_profile(), **column_profile(), "dtype": "float32"}

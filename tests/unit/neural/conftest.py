"""A folder of bundles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ktrdr.neural.bundle import write_bundle
from support.inputs.nets import draft_of


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes a bundle of that kind of net and returns its directory."""
    return lambda kind="mlp", **changes: write_bundle(tmp_path / "models" / "tiny", draft_of(kind, **changes))

"""What every test shares: where the real market bars lie, where there are any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["support.databases"]
settings.register_profile("ktrdr", deadline=None)  # a busy machine is no bug
settings.load_profile("ktrdr")
_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real market bars; the test is skipped where there is none."""
    folder = Path(os.environ.get("KTRDR_REAL_DATA", _DEFAULT))
    if not (folder / "GOOG_1d.parquet").exists():
        pytest.skip(f"no real market bars at {folder} (set KTRDR_REAL_DATA)")
    return folder

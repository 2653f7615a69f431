"""Where everything is kept: series, models, strategies and the database of operations."""

from __future__ import annotations

import os
from pathlib import Path


def data_root() -> Path:
    """``KTRDR_DATA_DIR``, else a folder under the user's data folder."""
    if given := os.environ.get("KTRDR_DATA_DIR"):
        return Path(given)
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "ktrdr"

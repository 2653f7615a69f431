"""Model storage under the name that users know; the code is in ``neural/storage.py``.

Backtests and live trading (`ktrdr.decision.engine`) load nets through the same path, so that both trade the same net.
"""

from __future__ import annotations

from ktrdr.neural.storage import ModelStorage, StoredModel

__all__ = ["ModelStorage", "StoredModel"]

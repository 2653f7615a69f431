"""Model storage under the name that users know; the code is in ``neural/storage.py``."""

from __future__ import annotations

from ktrdr.neural.storage import ModelStorage, StoredModel

__all__ = ["ModelStorage", "StoredModel"]

"""From bars to the feature matrix: history, alignment on closed bars, fuzzy degrees.

The package is also the function ``ktrdr.features(strategy, symbol, timeframe, ...)``; see ``ktrdr.features.api``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """One name, ``ktrdr.features``, for the package and for the function in it, whichever is imported first."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """The features of a strategy as a table; see ``ktrdr.features.api.features``."""
        from ktrdr.features.api import features

        return features(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage

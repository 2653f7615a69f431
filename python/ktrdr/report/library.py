"""The JavaScript library of the charts: data of an installed package, known by its hash."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from ktrdr._lazy import library_missing
from ktrdr.errors import LibraryMissing

PACKAGE = "litecharts"
_FILE = "litecharts/js/lightweight-charts.js"
SHA256 = "756b0ba9f58930226d6b8b9d47ad310448ab85d799ea1f7c2c02304777c10b52"
"""Of the production build of Lightweight Charts 5.1.0."""

ATTRIBUTION = "Charts by TradingView Lightweight Charts™, Copyright (c) 2025 TradingView, Inc., Apache License 2.0"
"""The notice that the library's licence asks for; a page shows it with a link to ``SITE``."""
SITE = "https://www.tradingview.com/"


@cache
def chart_library() -> str:
    """Returns the library's text. No code of the package that carries it is run.

    Raises ``LibraryMissing`` without the package, and for a file other than the one that the pages were written for.
    """
    try:
        file = Path(str(distribution(PACKAGE).locate_file(_FILE)))
        data = file.read_bytes()
    except (PackageNotFoundError, OSError):
        raise library_missing(PACKAGE) from None
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise LibraryMissing(
            "not the chart library that this version knows",
            where=str(file),
            found=found[:12],
            expected=SHA256[:12],
            hint="pip install --force-reinstall 'ktrdr[report]'",
        )
    return data.decode()

"""Table of the settings, from the room that reads them."""

from __future__ import annotations

from scripts.guide.markdown import code, plain, table

from ktrdr.settings import SETTINGS


def settings() -> str:
    """Returns every setting of the environment and of `ktrdr.toml`, with default and meaning."""
    rows = [(code(one.name), plain(one.default), plain(one.meaning)) for one in SETTINGS]
    return table(("name", "default", "meaning"), rows)

"""Loads a strategy from a name, a path, text or a mapping.

>>> from ktrdr.strategy.loader import load_strategy
>>> load_strategy("v3_minimal").feature_names
('1h_rsi_momentum_oversold', '1h_rsi_momentum_neutral', '1h_rsi_momentum_overbought')
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ktrdr.config.faults import Faults
from ktrdr.config.place import Place
from ktrdr.config.plain import plain
from ktrdr.config.yaml import scan_yaml
from ktrdr.strategy.library import find_strategy, read_strategy_file
from ktrdr.strategy.resolve.document import resolve_strategy
from ktrdr.strategy.schema import Strategy


def load_strategy(
    source: str | Path | Mapping[str, Any] | Strategy, *, where: str | None = None, allow_path: bool = True
) -> Strategy:
    """Loads the strategy of a name, a path or a mapping; returns a loaded one as it is.

    Args:
        source: a name as ``find_strategy`` resolves it, a path, or the file's content as a mapping.
        where: name of the source in errors; by default its file name.
        allow_path: True if text may be a path; False for names that come over a network.

    Raises:
        ConfigError: a leaf with ``where``, ``line`` and ``path`` of the first fault, and every fault in ``faults``;
            ``ConfigNotFound`` names the nearest names.
    """
    if isinstance(source, Strategy):
        return source
    if isinstance(source, Mapping):
        return _strategy_of_mapping(source, where or "strategy")
    if isinstance(source, Path):
        return parse_strategy(read_strategy_file(source, where or str(source)), where or str(source))
    found = find_strategy(source, allow_path=allow_path)
    return parse_strategy(found.read(), where or found.shown)


def parse_strategy(text: str, where: str = "strategy") -> Strategy:
    """Loads a strategy from YAML text; raises a ``ConfigError`` leaf with line and path, and all ``faults``."""
    document = scan_yaml(text, where)
    return resolve_strategy(document.data, text, document.place, Faults(document.faults))


def _strategy_of_mapping(source: Mapping[str, Any], where: str) -> Strategy:
    place = Place(where)
    data = plain(source, place)
    return resolve_strategy(data, json.dumps(data, ensure_ascii=False, indent=1), place, Faults())

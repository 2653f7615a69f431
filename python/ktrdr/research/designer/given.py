"""The designer of a strategy that the user has already."""

from __future__ import annotations

from pathlib import Path

from ktrdr._types import Json
from ktrdr.research.designer.base import Ask, Design
from ktrdr.strategy.loader import load_strategy

NAME = "given"


class Given:
    """Returns the user's own strategy, whatever the brief says.

    Args:
        source: a name or path as every command takes it, or the content of a file.
        allow_path: True if it may be a path.
    """

    def __init__(self, source: str | Path | Json, *, allow_path: bool = True) -> None:
        self._source = source
        self._allow_path = allow_path

    @property
    def name(self) -> str:
        """Returns the name of this designer, ``given``."""
        return NAME

    def design(self, ask: Ask) -> Design:
        """Returns the strategy with its defaults written out; raises a ``ConfigError`` leaf."""
        strategy = load_strategy(self._source, allow_path=self._allow_path)
        stored = {(one.symbol, one.timeframe) for one in ask.market.series() if one.made_from is None}
        resample = any((symbol, frame) not in stored for symbol in strategy.symbols for frame in strategy.timeframes)
        explanation = (f"The strategy is {strategy.name}, as given: the brief had no effect on it.",)
        return Design(strategy.canonical(), NAME, explanation, resample=resample)

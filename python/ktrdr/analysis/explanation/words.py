"""Features of a bar in words, such as ``RSI 1h oversold 0.82``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ktrdr.feature_pipeline.resolver import FeatureColumn
from ktrdr.strategy.schema import Strategy

_ACRONYM_LETTERS = 5


@dataclass(frozen=True)
class FeatureWords:
    """The words of a column of the feature matrix.

    Args:
        feature: name of the column.
        group: name of the fuzzy set on its series; of a raw feature the column's own.
        words: indicator, timeframe or external series, and membership; without the value.
    """

    feature: str
    group: str
    words: str

    def at(self, value: float) -> str:
        """Returns the words with a value.

        >>> FeatureWords("1h_rsi_level_oversold", "1h_rsi_level", "RSI 1h oversold").at(0.8249)
        'RSI 1h oversold 0.82'
        """
        return f"{self.words} {value:.2f}"


def feature_words(strategy: Strategy, columns: Sequence[FeatureColumn]) -> tuple[FeatureWords, ...]:
    """Returns the words of each column.

    An indicator has its type's name, and its id where the strategy has several of the type.

    >>> from ktrdr.feature_pipeline.resolver import resolve_columns
    >>> from ktrdr.strategy.loader import load_strategy
    >>> strategy = load_strategy("v3_minimal")
    >>> feature_words(strategy, resolve_columns(strategy))[0].words
    'RSI 1h oversold'
    """
    types = Counter(use.type for use in strategy.indicators.values())
    return tuple(_words(column, alone=types[column.use.type] == 1) for column in columns)


def strongest(words: Sequence[FeatureWords], values: Sequence[float]) -> list[str]:
    """Returns the state of a bar: of each fuzzy set the membership of the largest degree, and every raw feature.

    A set of which no membership is above 0 says so.

    >>> low, high = FeatureWords("a_low", "a", "RSI 1h low"), FeatureWords("a_high", "a", "RSI 1h high")
    >>> strongest([low, high], [0.25, 0.75]), strongest([low, high], [0.0, 0.0])
    (['RSI 1h high 0.75'], ['RSI 1h in no set'])
    """
    groups: dict[str, list[tuple[FeatureWords, float]]] = {}
    for one, value in zip(words, values, strict=True):
        groups.setdefault(one.group, []).append((one, value))
    return [_state(group) for group in groups.values()]


def _state(group: Sequence[tuple[FeatureWords, float]]) -> str:
    best, value = max(group, key=lambda pair: pair[1])
    if len(group) > 1 and value <= 0:
        return f"{best.words.rsplit(' ', 1)[0]} in no set"
    return best.at(value)


def _words(column: FeatureColumn, *, alone: bool) -> FeatureWords:
    use = column.use
    member = column.membership
    name = use.id if not alone else use.type.upper() if len(use.type) <= _ACRONYM_LETTERS else use.type
    series = column.series.context or ("" if column.series.timeframe is None else column.series.timeframe.value)
    # A membership is one word, so that the words before it name the set.
    parts = (name, column.output.replace("_", " "), series, "" if member is None else member.name.replace("_", "-"))
    group = column.name if member is None else column.name.removesuffix(f"_{member.name}")
    return FeatureWords(column.name, group, " ".join(part for part in parts if part))

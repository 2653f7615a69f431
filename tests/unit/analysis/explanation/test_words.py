"""Words of features: the membership that they name is the right one, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ktrdr.analysis.explanation.words import feature_words, strongest
from ktrdr.feature_pipeline.memberships import degrees
from ktrdr.feature_pipeline.resolver import resolve_columns
from ktrdr.strategy.loader import load_strategy
from support.inputs import worlds


@pytest.mark.parametrize(
    ("rsi", "state"),
    [
        (25.0, "RSI 1h oversold 1.00"),  # the top of its triangle
        (33.0, "RSI 1h oversold 0.47"),  # (40 - 33) / 15 = 0.467 beside neutral (33 - 30) / 20 = 0.15
        (45.0, "RSI 1h neutral 0.75"),  # (45 - 30) / 20
        (66.0, "RSI 1h overbought 0.40"),  # (66 - 60) / 15 = 0.4 beside neutral (70 - 66) / 20 = 0.2
    ],
)
def test_the_strongest_membership_is_named(rsi: float, state: str) -> None:
    strategy = load_strategy("v3_minimal")
    columns = resolve_columns(strategy)
    members = [column.membership for column in columns if column.membership is not None]
    values = [float(degrees(one.kind, one.parameters, np.array([rsi]))[0]) for one in members]
    assert strongest(feature_words(strategy, columns), values) == [state]


def test_every_column_has_words_and_none_twice() -> None:
    for kind in worlds.KINDS:
        strategy = load_strategy(worlds.strategy(kind))
        words = feature_words(strategy, resolve_columns(strategy))
        assert len({one.words for one in words}) == len(words), kind


def test_indicators_of_one_type_keep_their_ids() -> None:
    file = worlds.strategy("mlp")
    first = next(iter(file["indicators"]))
    file["indicators"] = {**file["indicators"], "other": dict(file["indicators"][first])}
    strategy = load_strategy(file)
    words = feature_words(strategy, resolve_columns(strategy))
    assert any(one.words.startswith(f"{first} ") for one in words)

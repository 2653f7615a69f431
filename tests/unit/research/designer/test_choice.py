"""The designer of a call: names, ids, and what is neither."""

from __future__ import annotations

import pytest

from ktrdr.errors import ArgumentInvalid, ConfigNotFound
from ktrdr.research.designer.base import Ask
from ktrdr.research.designer.choice import designer_of
from ktrdr.research.designer.language.models import MODELS, price_of
from support.research.market import FakeMarket


def test_names_and_ids() -> None:
    assert [designer_of(name).name for name in (None, "grammar", *MODELS)] == ["grammar", "grammar", *MODELS.values()]
    assert designer_of("claude-opus-4-8").name == "claude-opus-4-8"
    assert designer_of(strategy="v3_minimal").name == "given"


def test_every_short_name_has_a_known_price() -> None:
    assert all(price_of(model).known for model in MODELS.values())
    assert not price_of("claude-unheard-of-9").known
    assert price_of("claude-unheard-of-9").output_usd > max(price_of(model).output_usd for model in MODELS.values())


@pytest.mark.parametrize("name", ["haiky", "gpt-4", "", "claude-../../x", "claude-" + "x" * 500, "claude-\x1b[31m"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ArgumentInvalid) as caught:
        designer_of(name)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 250


def test_a_given_strategy_is_taken_as_it_is() -> None:
    made = designer_of(strategy="v3_minimal").design(Ask("anything", 1, FakeMarket()))
    assert (made.name, made.symbol, made.resample) == ("v3_minimal", "EURUSD", False)
    assert designer_of(strategy="v3_minimal").design(Ask("", 1, FakeMarket({"EURUSD": ("5m",)}))).resample
    with pytest.raises(ConfigNotFound):
        designer_of(strategy="no_such").design(Ask("", 1, FakeMarket()))

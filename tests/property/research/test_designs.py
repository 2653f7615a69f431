"""Whatever is drawn into a brief, the grammar's design validates and reads all that the brief names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.errors import BriefInvalid
from ktrdr.research.designer.base import Ask, Design
from ktrdr.research.designer.grammar.designer import Grammar
from ktrdr.research.designer.grammar.reading.words import INDICATOR_PHRASES, STYLE_PHRASES
from ktrdr.strategy.loader import parse_strategy
from support.research.market import SYMBOLS, FakeMarket

MARKET = FakeMarket(days=3_000)
FRAMES = {
    "1h": "1h",
    "5m": "5m",
    "M15": "15m",
    "daily": "1d",
    "4-hour": "4h",
    "30 min": "30m",
    "H2": "2h",
    "hourly": "1h",
}
ENDINGS = (
    "",
    ", long only",
    ", stop loss 2%",
    ", take profit 3 ATR, max holding 24 bars",
    ", with an LSTM",
    ", triple barrier labels",
    ", regression",
    ", zigzag labels 0.5%",
    ", commission 0.1%",
    " with a trailing stop",
)
phrases = st.lists(st.sampled_from(sorted(set(INDICATOR_PHRASES) - {"momentum"})), max_size=6, unique=True)
frames = st.lists(st.sampled_from(sorted(FRAMES)), max_size=3, unique=True)


def design(brief: str, seed: int) -> Design:
    return Grammar().design(Ask(brief, seed, MARKET))


@settings(max_examples=120, deadline=None)
@given(
    names=phrases,
    lengths=frames,
    style=st.sampled_from(["", *sorted(STYLE_PHRASES)]),
    symbols=st.lists(st.sampled_from(SYMBOLS), max_size=2, unique=True),
    ending=st.sampled_from(ENDINGS),
    join=st.sampled_from([", ", " and ", " plus "]),
    seed=st.integers(0, 10**6),
)
def test_a_design_validates_and_reads_all_that_is_named(
    names: list[str], lengths: list[str], style: str, symbols: list[str], ending: str, join: str, seed: int
) -> None:
    brief = f"Design a {style} strategy" + (f" using {join.join(names)}" if names else "")
    brief += (f" on {' and '.join(lengths)}" if lengths else "") + (f" for {' and '.join(symbols)}" if symbols else "")
    made = design(brief + ending, seed)
    strategy = made.loaded
    read = {strategy.indicators[entry.indicator_id].type for entry in strategy.nn_inputs}
    assert {INDICATOR_PHRASES[name] for name in names} <= read
    assert {strategy.indicators[id_].type for id_ in strategy.indicators} == read
    frames_read = {frame.value for entry in strategy.nn_inputs for frame in entry.timeframes}
    assert frames_read == {frame.value for frame in strategy.timeframes}
    assert {FRAMES[length] for length in lengths} <= frames_read
    assert set(symbols) <= set(strategy.symbols)
    assert not [line for line in strategy.warnings if "level that depends" not in line]
    assert parse_strategy(made.text).canonical() == strategy.canonical()


@settings(max_examples=150, deadline=None)
@given(
    words=st.lists(
        st.one_of(
            st.sampled_from(sorted(INDICATOR_PHRASES)),
            st.sampled_from(
                [*FRAMES, *SYMBOLS, "without", "not", "and", ",", ".", ":", "on", "stop loss", "2%", "14", "(", ")"]
            ),
            st.text(max_size=8),
        ),
        max_size=14,
    ),
    seed=st.integers(0, 10**6),
)
def test_any_text_gives_a_strategy_or_a_refusal_that_can_be_printed(words: list[str], seed: int) -> None:
    try:
        made = design(" ".join(words), seed)
    except BriefInvalid as error:
        assert error.what
        assert all(line.isprintable() for line in str(error).splitlines())
    else:
        assert all(line.isprintable() for line in made.text.splitlines())


def test_the_drawn_briefs_would_see_a_lost_indicator() -> None:
    made = design("RSI without MACD on 1h for EURUSD", 1)
    with pytest.raises(AssertionError):
        assert {"rsi", "macd"} <= {use.type for use in made.loaded.indicators.values()}

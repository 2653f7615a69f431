"""The grammar designer: all that a brief asks for is in the strategy and is read, and the rest is drawn."""

from __future__ import annotations

from itertools import product

import pytest

from ktrdr.errors import BriefInvalid, InternalError
from ktrdr.research.designer.base import Ask, Design
from ktrdr.research.designer.grammar import designer
from ktrdr.research.designer.grammar.designer import Grammar
from ktrdr.research.designer.market import Market
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.loader import parse_strategy
from ktrdr.time import Timeframe
from support.research.market import FakeMarket

EXAMPLE = "Design a multi-timeframe strategy using RSI and Bollinger Bands on 1h and 5m data for EURUSD"


def design(brief: str, seed: int = 7, market: Market | None = None) -> Design:
    return Grammar().design(Ask(brief, seed, market or FakeMarket()))


def read_on(made: Design) -> dict[str, set[str]]:
    """Returns the timeframes on which nn_inputs read each type of indicator."""
    found: dict[str, set[str]] = {}
    for entry in made.loaded.nn_inputs:
        type_ = made.loaded.indicators[entry.indicator_id].type
        found.setdefault(type_, set()).update(frame.value for frame in entry.timeframes)
    return found


def refusal(brief: str, market: Market | None = None) -> str:
    with pytest.raises(BriefInvalid) as caught:
        design(brief, market=market)
    return str(caught.value)


def test_the_example_of_the_project() -> None:
    made = design(EXAMPLE)
    assert made.symbols == ("EURUSD",)
    assert made.timeframes == (Timeframe.M5, Timeframe.H1)
    assert made.base_timeframe is Timeframe.M5
    read = read_on(made)
    assert read["rsi"] == read["bollingerbands"] == {"5m", "1h"}
    assert made.loaded.warnings == ()
    assert made.usage.calls == 0


def test_the_file_of_a_design_is_the_design() -> None:
    made = design(EXAMPLE)
    assert parse_strategy(made.text).canonical() == made.loaded.canonical()
    assert Design.of(made.to_dict()).to_dict() == made.to_dict()


def test_equal_seeds_give_equal_designs_and_others_do_not() -> None:
    assert design(EXAMPLE, 3).to_dict() == design(EXAMPLE, 3).to_dict()
    names = {design(EXAMPLE, seed).name for seed in range(20)}
    assert len(names) == 20


@pytest.mark.parametrize("type_", INDICATORS)
def test_every_indicator_is_read_on_every_timeframe(type_: str) -> None:
    for seed in range(3):
        made = design(f"Use {INDICATORS[type_].title} on 15m and 4h for EURUSD", seed)
        assert read_on(made)[type_] == {"15m", "4h"}


def test_numbers_of_the_brief_are_in_the_strategy() -> None:
    made = design(
        "RSI 9 below 25, MACD(8,21,5) on EURUSD 1h, stop loss 2%, take profit 3 ATR, max holding 2 days, long only"
    )
    uses = {use.type: dict(use.params) for use in made.loaded.indicators.values()}
    assert uses["rsi"]["period"] == 9
    assert (uses["macd"]["fast_period"], uses["macd"]["slow_period"], uses["macd"]["signal_period"]) == (8, 21, 5)
    low = next(iter(made.loaded.fuzzy_sets.values())).members[0]
    assert low.parameters[0] == 25
    rules = made.loaded.execution
    assert rules.exits.stop_loss is not None and rules.exits.stop_loss.rate == 0.02
    assert rules.exits.take_profit is not None and rules.exits.take_profit.atr == 3
    assert rules.exits.max_holding_bars == 48
    assert not rules.allow_short and not made.loaded.decisions.allow_short_from_flat


def test_levels_of_the_brief_are_those_of_the_output_that_it_means() -> None:
    made = design("only ADX above 25 on EURUSD 1h").loaded
    peaks = {set_.output: set_.members[2].parameters[0] for set_ in made.fuzzy_sets.values()}
    assert peaks == {"adx": 25, "plus_di": 66.7, "minus_di": 66.7}


def test_a_level_beyond_the_usual_ones_leaves_the_other_within_the_bounds() -> None:
    for seed in range(3):
        made = design("ADX above 15 and RSI below 80 on EURUSD 1h", seed).loaded
        levels = {
            (made.indicators[one.indicator_id].type, one.output): [member.parameters[0] for member in one.members]
            for one in made.fuzzy_sets.values()
        }
        assert levels["rsi", ""] == [80, 85, 90]
        assert levels["adx", "adx"] == [7.5, 11.2, 15]


def test_trades_that_are_limited_are_kept_apart() -> None:
    filters = design("RSI on EURUSD 1h, at most 5 trades a week").loaded.decisions.filters
    assert filters.min_signal_separation == 33.6
    made = design("RSI on EURUSD 1h, cooldown 4 bars")
    assert made.loaded.decisions.filters.min_signal_separation == 4
    assert "At least 4 hours pass between a fill and the next decision, as the brief says." in made.explanation


def test_size_and_training_of_the_brief_are_in_the_strategy() -> None:
    made = design(
        "RSI on EURUSD 1h, volatility target 10%, batch size 64, learning rate 0.01, dropout 30%, ATR stop 3x"
    )
    sizing = made.loaded.execution.sizing
    assert (sizing.kind, sizing.annual) == ("volatility_target", 0.1)
    training = made.loaded.training
    assert (training.batch_size, training.learning_rate) == (64, 0.01)
    assert made.strategy["model"]["architecture"]["dropout"] == 0.3
    stop = made.loaded.execution.exits.stop_loss
    assert stop is not None and stop.atr == 3
    assert made.warnings == ()


def test_bindings_are_kept_and_every_timeframe_is_read() -> None:
    read = read_on(design("RSI on 1h and MACD on 4h, EURUSD"))
    assert (read["rsi"], read["macd"]) == ({"1h"}, {"4h"})
    read = read_on(design("Only RSI on 1h. Trade EURUSD in 5m bars"))
    assert read["rsi"] == {"1h", "5m"}


@pytest.mark.parametrize(
    ("brief", "base", "frames"),
    [
        ("signals on 1h, confirmed on 4h, EURUSD", "1h", {"1h", "4h"}),
        ("RSI, signals on 4h, timing by 15m, EURUSD", "4h", {"4h", "15m"}),
        ("scalping EURUSD", None, {"5m", "1m"}),
    ],
)
def test_base_timeframe(brief: str, base: str | None, frames: set[str]) -> None:
    made = design(brief)
    assert {frame.value for frame in made.timeframes} <= frames
    assert made.base_timeframe.value == (base or made.timeframes[0].value)


def test_a_second_timeframe_is_found_where_only_one_is_named() -> None:
    made = design("multi-timeframe RSI on 1h for EURUSD")
    assert len(made.timeframes) == 2 and made.base_timeframe is Timeframe.H1
    assert any("A second timeframe" in line for line in made.explanation)


@pytest.mark.parametrize("brief", ["only", "only on 1h for EURUSD", "trade EURUSD on 1h alone, without MACD"])
def test_only_without_an_indicator_speaks_of_something_else(brief: str) -> None:
    for seed in range(5):
        assert len(design(brief, seed).loaded.indicators) in {2, 3}


@pytest.mark.parametrize("brief", ["only RSI on EURUSD 1h", "RSI alone on EURUSD 1h"])
def test_only_with_an_indicator_adds_none(brief: str) -> None:
    for seed in range(5):
        assert {use.type for use in design(brief, seed).loaded.indicators.values()} == {"rsi"}


def test_exclusions_hold_whatever_the_seed_draws() -> None:
    for seed in range(20):
        made = design("A mean reversion strategy for EURUSD on 1h without RSI, stochastic or stops, no bollinger", seed)
        types = {use.type for use in made.loaded.indicators.values()}
        assert not types & {"rsi", "stochastic", "bollingerbands"}


def test_several_symbols_share_one_net() -> None:
    made = design("RSI and ADX on 1h for EURUSD and SPY")
    assert made.symbols == ("EURUSD", "SPY")


@pytest.mark.parametrize("style", ["scalping", "mean reversion", "momentum", "breakout", "trend following", "swing"])
def test_a_style_says_what_it_changed(style: str) -> None:
    said = " ".join(design(f"{style} strategy with RSI and ADX on 1h for EURUSD").explanation)
    assert ", as the style " in said


def test_what_had_no_effect_and_what_was_taken_instead_are_warnings() -> None:
    made = design("RSI und ADX auf Stundenbasis")
    assert len(made.warnings) == 3
    assert made.warnings[0].startswith("The brief names no symbol: ")
    assert made.warnings[1].startswith("The brief names no timeframe: ")
    assert '"Stundenbasis"' in made.warnings[2]
    assert set(made.warnings) <= set(made.explanation)
    assert Design.of(made.to_dict()) == made
    assert design("RSI on EURUSD 1h").warnings == ()


def test_rules_are_written_as_words() -> None:
    said = " ".join(design("RSI on EURUSD 1h, stop loss 2 atr, hold at most 30 bars").explanation)
    assert "The stop loss is atr 2, as the brief says." in said
    assert "The max holding bars is 30, as the brief says." in said


@pytest.mark.parametrize("type_", INDICATORS)
def test_no_input_depends_on_the_level_of_price(type_: str) -> None:
    made = design(f"Use {INDICATORS[type_].title} on 1h and 4h for EURUSD").loaded
    for entry in made.nn_inputs:
        use = made.indicators[entry.indicator_id]
        if INDICATORS[use.type].is_price(entry.output, use.params):
            assert (entry.fuzzy_set, entry.normalization) == (None, "relative")


def test_the_cloud_of_ichimoku_is_read() -> None:
    made = design("ichimoku on EURUSD 1h").loaded
    read = {entry.output for entry in made.nn_inputs if made.indicators[entry.indicator_id].type == "ichimoku"}
    assert read == {"tenkan", "kijun", "senkou_a", "senkou_b"}


def test_labels_leave_enough_legs() -> None:
    """A walk with the market's volatility has about as many legs as (threshold / volatility)² bars allow."""
    for style, seed in product(("", "scalping", "swing", "trend following"), range(5)):
        made = design(f"{style} RSI on EURUSD 1h", seed, FakeMarket(days=250))
        threshold = made.loaded.training.labels.params["zigzag_threshold"]
        assert 250 * 24 / (threshold / 0.001) ** 2 > 100


@pytest.mark.parametrize(
    ("brief", "labels", "model"),
    [
        ("triple barrier labels with an LSTM", "triple_barrier", "lstm"),
        ("regression with a GRU", "forward_return", "gru"),
        ("predict returns with a horizon of 12 bars", "forward_return", "mlp"),
        ("zigzag labels 0.5%", "zigzag", "mlp"),
    ],
)
def test_labels_and_nets_by_name(brief: str, labels: str, model: str) -> None:
    made = design(f"RSI on EURUSD 1h, {brief}")
    assert (made.loaded.training.labels.source, made.loaded.model.type) == (labels, model)
    assert made.loaded.training.labels.params.get("horizon", 12) > 0


def test_a_misspelling_is_in_the_explanation() -> None:
    assert '"bolinger" was read as "bollinger".' in design("bolinger bands on EURUSD 1h").explanation


def test_a_design_says_which_words_led_to_what() -> None:
    lines = design(EXAMPLE).explanation
    assert '"bollinger bands" gave the indicator' in " ".join(lines)
    assert "The brief names 1h, 5m." in lines


def test_made_timeframes_ask_for_resampling() -> None:
    market = FakeMarket({"EURUSD": ("1h", "4h")}, made=("4h",))
    assert design("RSI on EURUSD 4h", market=market).resample
    assert not design("RSI on EURUSD 1h", market=market).resample


@pytest.mark.parametrize(
    ("brief", "market", "part"),
    [
        ("RSI on 4h for EURUSD", FakeMarket({"EURUSD": ("1h",)}), "timeframe 4h: no bars of EURUSD"),
        ("multi-timeframe RSI", FakeMarket({"EURUSD": ("1h",)}), "multi-timeframe: only one timeframe is there"),
        (
            "OBV on EURUSD 1h",
            FakeMarket(without_volume=("EURUSD",)),
            "indicator obv: the 1h bars of EURUSD have no volume",
        ),
        ("RSI", FakeMarket({"EURUSD": ("1d",)}, days=100), "symbol EURUSD: fewer than 300 bars"),
        ("RSI on 1w for EURUSD", FakeMarket(days=900), "symbol EURUSD: too few bars"),
        ("200 EMA on 1w with 1h RSI for EURUSD", FakeMarket(days=900), "timeframe 1w: the indicators need"),
        ("RSI", FakeMarket({}, days=900), "symbol: no bars are stored"),
        ("RSI on EURUSD 1h, max leverage 0.5", FakeMarket(), "leverage: out of range"),
        ("RSI on EURUSD 1d, exit after 2 hours", FakeMarket(), "holding: shorter than one bar"),
        ("zigzag 200% on EURUSD 1h", FakeMarket(), "zigzag threshold: out of range"),
        ("...", FakeMarket(), "brief: has no words"),
        ("RSI " * 2_000, FakeMarket(), "brief: too long"),
    ],
)
def test_what_the_bars_cannot_give_is_refused_by_its_part(brief: str, market: Market, part: str) -> None:
    assert refusal(brief, market).startswith(part)


def test_too_many_together_is_refused() -> None:
    averages = ", ".join(f"EMA {period}" for period in range(5, 75))
    assert refusal(f"{averages} on 1h for EURUSD").startswith("indicators and timeframes: too many together")


def test_a_fault_of_the_builder_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(designer, "build", lambda *_: ({"name": "x"}, []))
    with pytest.raises(InternalError):
        design(EXAMPLE)

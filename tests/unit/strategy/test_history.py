"""Derived history and the report of ``ktrdr validate``; the arithmetic is beside each number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from talib import abstract

from ktrdr.config.place import Place
from ktrdr.errors import ConfigRange
from ktrdr.strategy.catalog.indicator import ema_settle, wilder_settle
from ktrdr.strategy.catalog.indicators import INDICATORS, defaults, find_indicator
from ktrdr.strategy.history import Need, context_needs, needs
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.rules import parse_execution
from ktrdr.strategy.sections.model import check_file_size
from ktrdr.strategy.summary import summarize
from ktrdr.time import Timeframe


def strategy(inputs: list[dict[str, Any]], **sections: Any) -> Any:
    return load_strategy(
        {
            "name": "sample",
            "training_data": {
                "symbols": {"mode": "single", "symbol": "EURUSD"},
                "timeframes": {"mode": "multi_timeframe", "list": ["1h", "4h"]},
                **sections.pop("data", {}),
            },
            "indicators": {
                "rsi": {"type": "rsi"}, "sma": {"type": "sma", "period": 50}, "macd": {"type": "macd"},
                "vwap": {"type": "vwap", "period": 0}, "adx": {"type": "adx"},
                "spread": {"type": "sma", "period": 30, "data_source": "S"},
            },
            "context_data": [{"provider": "x"}],
            "nn_inputs": inputs,
            **sections,
        }
    )  # fmt: skip


def raw(ref: str, *timeframes: str) -> dict[str, Any]:
    return {"raw_indicator": ref, "timeframes": list(timeframes)}


def test_settling_times() -> None:
    # ln 1e-3 = -6.9078; Wilder 14: / ln(13/14) = -0.07411 gives 93.2; EMA 26: / ln(25/27) = -0.07696 gives 89.8
    assert (wilder_settle(14), ema_settle(26), ema_settle(1), wilder_settle(1)) == (94, 90, 0, 0)


def test_need_and_load_take_the_deepest_output_of_each_timeframe() -> None:
    # rsi 14: lookback 14, settle 94; sma 50: lookback 49, settle 0; macd line: lookback 33, settle 90
    found = needs(strategy([raw("rsi", "1h"), raw("sma", "1h", "4h"), raw("macd.line", "4h")]))
    assert found == {
        Timeframe.H1: Need(14 + 1 + 94, 14 + 1 + 3 * 94),
        Timeframe.H4: Need(33 + 1 + 90, 33 + 1 + 3 * 90),
    }


def test_need_and_load_may_come_from_different_outputs() -> None:
    found = needs(strategy([raw("sma", "1h"), raw("rsi", "1h")], indicators={
        "sma": {"type": "sma", "period": 150}, "rsi": {"type": "rsi"}}))  # fmt: skip
    assert found[Timeframe.H1] == Need(149 + 1, 14 + 1 + 3 * 94)


def test_a_timeframe_nobody_uses_needs_nothing() -> None:
    assert needs(strategy([raw("rsi", "1h")]))[Timeframe.H4] == Need(0, 0)


def test_the_sequence_and_the_required_history_count_on_the_base_only() -> None:
    sample = strategy(
        [raw("sma", "1h", "4h")],
        data={"history_required": 7},
        model={"type": "lstm", "architecture": {"sequence_length": 5}},
    )
    assert needs(sample) == {Timeframe.H1: Need(50 + 4 + 7, 50), Timeframe.H4: Need(50, 50)}


def test_execution_looks_back_on_the_base_too() -> None:
    sample = strategy([raw("sma", "4h")])
    atr = parse_execution({"exits": {"stop_loss": {"atr": 2}}})
    assert needs(replace(sample, execution=atr))[Timeframe.H1] == Need(14 + 1 + 94, 14 + 1 + 3 * 94)
    target = parse_execution({"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 20}})
    assert needs(replace(sample, execution=target))[Timeframe.H1] == Need(21, 21)
    assert needs(sample)[Timeframe.H1] == Need(0, 0)


def test_vwap_of_the_day_looks_back_a_day_less_one_bar() -> None:
    found = needs(strategy([raw("vwap", "1h", "4h")]))
    assert (found[Timeframe.H1], found[Timeframe.H4]) == (Need(24, 24), Need(6, 6))


def test_context_counts_its_own_rows() -> None:
    sample = strategy([raw("rsi", "1h"), raw("spread", "1h")])
    assert context_needs(sample) == {"S": Need(30, 30)}
    assert needs(sample)[Timeframe.H1] == Need(109, 297)


TALIB = {
    "rsi": ("RSI", {"timeperiod": "period"}),
    "macd": ("MACD", {"fastperiod": "fast_period", "slowperiod": "slow_period", "signalperiod": "signal_period"}),
    "bollingerbands": ("BBANDS", {"timeperiod": "period"}),
    "atr": ("ATR", {"timeperiod": "period"}),
    "adx": ("ADX", {"timeperiod": "period"}),
    "stochastic": ("STOCH", {"fastk_period": "k_period", "slowk_period": "smooth_k", "slowd_period": "d_period"}),
    "williamsr": ("WILLR", {"timeperiod": "period"}),
    "cci": ("CCI", {"timeperiod": "period"}),
    "roc": ("ROC", {"timeperiod": "period"}),
    "momentum": ("MOM", {"timeperiod": "period"}),
    "mfi": ("MFI", {"timeperiod": "period"}),
    "aroon": ("AROON", {"timeperiod": "period"}),
    "ema": ("EMA", {"timeperiod": "period"}),
    "wma": ("WMA", {"timeperiod": "period"}),
    "hma": ("HMA", {"timeperiod": "period"}),
    "donchianchannels": ("DONCHIAN", {"timeperiod": "period"}),
    "supertrend": ("SUPERTREND", {"timeperiod": "period"}),
    "cmf": ("CMF", {"timeperiod": "period"}),
    "obv": ("OBV", {}),
    "adline": ("AD", {}),
}


@pytest.mark.parametrize("type_", TALIB)
def test_lookbacks_are_those_of_talib(type_: str) -> None:
    name, names = TALIB[type_]
    params = defaults(INDICATORS[type_])
    function = abstract.Function(name)
    function.parameters = {theirs: params[ours] for theirs, ours in names.items()}
    assert INDICATORS[type_].outputs[0].lookback(params, 24) == function.lookback


def test_aliases_and_any_case() -> None:
    assert find_indicator("BBands") is INDICATORS["bollingerbands"]
    assert find_indicator("SimpleMovingAverage") is INDICATORS["sma"]
    assert find_indicator("zigzag") is None


@pytest.mark.parametrize("type_", INDICATORS)
def test_the_defaults_obey_their_own_bounds(type_: str) -> None:
    indicator = INDICATORS[type_]
    written = {"type": type_, **defaults(indicator)}
    output = indicator.outputs[0].name
    ref = f"x.{output}" if output else "x"
    sample = strategy([raw(ref, "1h")], indicators={"x": written}, context_data=[])
    assert sample.indicators["x"].params == defaults(indicator)
    assert needs(sample)[Timeframe.H1].need_bars >= 1


def test_the_report() -> None:
    report = summarize(strategy([raw("rsi", "1h")], model={"architecture": {"hidden_layers": [2]}}))
    assert report.features == ("1h_rsi_raw",)
    assert (report.parameters, report.model_file_bytes) == (2 + 2 + 6 + 3, 4 * 13)
    assert {notice.code for notice in report.notices} == {"config_unused"}
    assert report.block_seconds < 0.001


def test_a_slow_net_is_warned_about() -> None:
    huge = {"type": "lstm", "architecture": {"sequence_length": 1024, "hidden_size": 1024, "num_layers": 4}}
    report = summarize(strategy([raw("rsi", "1h")], model=huge))
    assert 30 < report.block_seconds < 200, "measured: 75 s on two cores"
    assert [notice.code for notice in report.notices if notice.code != "config_unused"] == ["config_slow_net"]


def test_a_model_file_beyond_the_limit_is_refused() -> None:
    check_file_size(2**28, Place("x.yaml"))
    with pytest.raises(ConfigRange, match="model file too large"):
        check_file_size(2**28 + 1, Place("x.yaml"))

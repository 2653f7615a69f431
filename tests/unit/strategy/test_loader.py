"""Files that the loader accepts, their strategies, and its warnings."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from ktrdr.errors import ConfigError, ConfigNotFound
from ktrdr.strategy.loader import load_strategy, parse_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Timeframe


def sample(**sections: Any) -> dict[str, Any]:
    """The smallest strategy there is, with sections replaced."""
    base = {
        "name": "sample",
        "training_data": {
            "symbols": {"mode": "single", "symbol": "EURUSD"},
            "timeframes": {"mode": "single", "timeframe": "1h"},
        },
        "indicators": {"rsi": {"type": "rsi"}, "macd": {"type": "macd"}},
        "fuzzy_sets": {"level": {"indicator": "rsi", "low": [0, 20, 40], "high": [60, 80, 100]}},
        "nn_inputs": [{"fuzzy_set": "level"}],
    }
    return base | sections


def load(**sections: Any) -> Strategy:
    return load_strategy(sample(**sections))


def warnings_of(strategy: Strategy) -> list[str]:
    """Returns the warnings but the one about the sample's second indicator, which only some cases use."""
    return [line for line in strategy.warnings if line != "indicators.macd is used by no entry of nn_inputs"]


def timeframes(**written: Any) -> dict[str, Any]:
    return {"symbols": {"mode": "single", "symbol": "EURUSD"}, "timeframes": written}


def test_the_smallest_strategy_gets_every_default() -> None:
    strategy = load()
    training = strategy.training
    assert (strategy.version, strategy.symbols, strategy.timeframes) == ("3.0", ("EURUSD",), (Timeframe.H1,))
    assert strategy.indicators["macd"].params == {
        "fast_period": 12, "slow_period": 26, "signal_period": 9, "source": "close"
    }  # fmt: skip
    assert (strategy.model.type, strategy.model.hidden_layers, strategy.model.dropout) == ("mlp", (64, 32), 0.2)
    assert (training.labels.source, training.labels.params) == ("zigzag", {"zigzag_threshold": 0.02})
    assert (training.epochs, training.batch_size, training.learning_rate) == (100, 32, 0.001)
    assert (training.optimizer, training.weight_decay, training.loss) == ("adam", 1e-4, "cross_entropy")
    assert (training.lr_scheduler, training.early_stopping, training.seed) == (None, None, None)
    assert (training.data_split.train, training.data_split.test) == (0.7, 0.15)
    assert warnings_of(strategy) == []


def test_features_come_in_the_order_of_inputs_timeframes_and_memberships() -> None:
    strategy = load(
        training_data=timeframes(mode="multi_timeframe", list=["4h", "1h", "1d"]),
        nn_inputs=[
            {"raw_indicator": "macd.signal", "timeframes": ["1d", "1h"], "normalization": "zscore"},
            {"fuzzy_set": "level"},
        ],
    )
    assert strategy.base_timeframe == Timeframe.H1
    assert strategy.feature_names == (
        "1d_macd.signal_raw", "1h_macd.signal_raw",
        "4h_level_low", "4h_level_high", "1h_level_low", "1h_level_high", "1d_level_low", "1d_level_high",
    )  # fmt: skip


def test_a_bare_id_is_the_first_output_and_keeps_its_name() -> None:
    strategy = load(nn_inputs=[{"raw_indicator": "macd"}, {"raw_indicator": "rsi"}])
    assert [(entry.output, entry.ref) for entry in strategy.nn_inputs] == [("line", "macd"), ("", "rsi")]
    assert strategy.feature_names == ("1h_macd_raw", "1h_rsi_raw")


def test_two_sets_whose_names_run_together_collide() -> None:
    sets = {"a": {"indicator": "rsi", "b_c": [0, 1, 2]}, "a_b": {"indicator": "rsi", "c": [0, 1, 2]}}
    with pytest.raises(ConfigError) as caught:
        load(fuzzy_sets=sets, nn_inputs=[{"fuzzy_set": "a"}, {"fuzzy_set": "a_b"}])
    assert caught.value.code == "config_duplicate_feature"


def test_single_mode_accepts_a_list_of_one() -> None:
    strategy = load(training_data=timeframes(mode="single", list=["1h"], base_timeframe="1h"))
    assert strategy.timeframes == (Timeframe.H1,)


@pytest.mark.parametrize(("text", "version"), [("3.0", "3.0"), ("'3.0'", "3.0"), ("3", "3.0"), ("'3.1'", "3.1")])
def test_the_version_may_be_unquoted(text: str, version: str) -> None:
    body = load().text.replace('"3.0"', "")
    assert parse_strategy(body.replace('"name": "sample"', f'"name": "sample",\n "version": {text}')).version == version


def test_the_older_place_of_training_keys_is_merged_and_the_newer_wins() -> None:
    strategy = load(
        model={"training": {"epochs": 7, "batch_size": 64, "early_stopping": {"patience": 3}, "validation_split": 0.2}},
        training={"epochs": 9, "early_stopping": {"min_delta": 0.1}, "data_split": {"train": 0.7}},
    )
    training = strategy.training
    assert (training.epochs, training.batch_size) == (9, 64)
    assert training.early_stopping is not None
    assert (training.early_stopping.patience, training.early_stopping.min_delta) == (3, 0.1)
    assert training.data_split.validation == 0.15


def test_a_validation_split_leaves_the_test_share_alone() -> None:
    split = load(training={"validation_split": 0.25}).training.data_split
    assert (split.train, split.validation, split.test) == (pytest.approx(0.6), 0.25, 0.15)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (True, {"type": "reduce_on_plateau", "factor": 0.5, "patience": 5}),
        (False, None),
        ({"type": "step"}, {"type": "step", "gamma": 0.5, "step_size": 10}),
        ({"type": "reduce_on_plateau", "patience": 2}, {"type": "reduce_on_plateau", "factor": 0.5, "patience": 2}),
    ],
)
def test_schedulers(written: Any, expected: Any) -> None:
    scheduler = load(training={"lr_scheduler": written}).training.lr_scheduler
    assert (None if scheduler is None else scheduler.model_dump()) == expected


def test_early_stopping_is_on_where_it_is_written_and_off_where_it_says_so() -> None:
    assert load(training={"early_stopping": {}}).training.early_stopping is not None
    assert load(training={"early_stopping": {"enabled": False}}).training.early_stopping is None


def test_a_regression_has_its_own_loss_and_decay() -> None:
    strategy = load(
        decisions={"output_format": "regression"}, training={"labels": {"source": "forward_return", "horizon": 5}}
    )
    training = strategy.training
    assert (training.loss, training.huber_delta, training.focal_gamma, training.weight_decay) == (
        "huber",
        0.01,
        None,
        0,
    )
    assert (strategy.round_trip_cost, strategy.min_edge_multiplier, strategy.n_outputs) == (0.003, 1.5, 1)


LABELS = [
    ({"source": "zigzag", "zigzag_threshold": 0.01, "label_lookahead": 20}, {"zigzag_threshold": 0.01}, 1),
    (
        {"source": "triple_barrier", "pt_multiplier": 3, "sl_multiplier": 1, "max_holding_period": 12},
        {"profit_target_atr": 3, "stop_loss_atr": 1, "max_holding_bars": 12, "atr_period": 14, "vol_method": "atr",
         "compute_weights": False},
        0,
    ),
    (
        {"source": "triple_barrier", "vol_method": "close"},
        {"profit_target_atr": 2, "stop_loss_atr": 1.5, "max_holding_bars": 24, "vol_method": "close", "vol_span": 100,
         "compute_weights": False},
        0,
    ),
    ({"source": "context", "horizon": 5, "bearish_threshold": -0.005}, {"horizon": 5, "bearish_threshold": -0.005}, 1),
    ({"source": "regime", "vol_lookback": 120}, {"vol_lookback": 120}, 1),
]  # fmt: skip


@pytest.mark.parametrize(("written", "params", "warnings"), LABELS)
def test_label_sources_and_their_aliases(written: Any, params: Any, warnings: int) -> None:
    strategy = load(training={"labels": written})
    assert strategy.training.labels.params == params
    assert len(warnings_of(strategy)) == warnings


OLDER = [
    ({"scope": "universal"}, "scope has no effect"),
    ({"deployment": {"target_symbols": {"mode": "universal"}}}, "deployment has no effect"),
    ({"selection_criteria": [1]}, "selection_criteria has no effect"),
    ({"model": {"features": {"lookback_periods": 3}}}, "model.features has no effect"),
    ({"decisions": {"filters": {"volume_filter": False}}}, "decisions.filters.volume_filter has no effect"),
]


@pytest.mark.parametrize(("section", "warning"), OLDER)
def test_known_keys_of_older_files_are_accepted_with_a_warning(section: dict[str, Any], warning: str) -> None:
    assert warnings_of(load(**section)) == [warning]


def test_checked_keys_without_effect_are_silent() -> None:
    strategy = load(
        decisions={"num_classes": 3}, training={"method": "supervised"},
        model={"type": "Mlp", "architecture": {"output_activation": "softmax"}},
    )  # fmt: skip
    assert warnings_of(strategy) == []


def test_keys_of_the_other_output_format_are_warned_about() -> None:
    assert warnings_of(load(decisions={"cost_model": {}})) == [
        "decisions.cost_model has an effect only with output_format: regression"
    ]


def test_a_running_total_is_warned_about_where_it_is_used() -> None:
    indicators = {"rsi": {"type": "rsi"}, "obv": {"type": "OBV"}}
    assert not any("first loaded bar" in line for line in load(indicators=indicators).warnings)
    warnings = load(indicators=indicators, nn_inputs=[{"raw_indicator": "obv", "normalization": "zscore"}]).warnings
    assert "indicators.obv has a level that depends on the first loaded bar" in warnings


CONTEXT = [{"provider": "fred", "series": ["DGS2", "DGS10"], "alignment": "forward_fill"}]


def test_an_external_series_feeds_an_indicator_of_one_source() -> None:
    strategy = load(
        context_data=CONTEXT,
        indicators={"rsi": {"type": "rsi"}, "spread": {"type": "rsi", "data_source": "spread_A_B"}},
        nn_inputs=[{"raw_indicator": "spread"}],
    )
    assert strategy.indicators["spread"].data_source == "spread_A_B"


@pytest.mark.parametrize(
    ("indicator", "path"),
    [
        ({"type": "atr", "data_source": "X"}, "indicators.x.data_source"),
        ({"type": "squeezeintensity", "data_source": "X"}, "indicators.x.data_source"),
        ({"type": "rsi", "source": "high", "data_source": "X"}, "indicators.x.source"),
        ({"type": "rsi", "data_source": "../X"}, "indicators.x.data_source"),
    ],
)
def test_an_external_series_has_one_value_and_a_safe_name(indicator: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(context_data=CONTEXT, indicators={"rsi": {"type": "rsi"}, "x": indicator})
    assert (caught.value.code, caught.value.path) == ("config_range", path)


def test_dates_become_a_span_that_includes_the_last_day() -> None:
    data = sample()["training_data"] | {"start_date": "2024-01-01", "end_date": "2024-01-31"}
    span = load(training_data=data).span
    assert span is not None
    assert span.start_ns is not None
    assert span.end_ns is not None
    assert span.end_ns - span.start_ns == 31 * 86_400 * 10**9
    assert load().span is None


def test_a_strategy_survives_pickling_and_is_its_own_source() -> None:
    strategy = load()
    assert pickle.loads(pickle.dumps(strategy)) == strategy
    assert load_strategy(strategy) is strategy


def test_the_text_of_a_mapping_loads_to_the_same_strategy() -> None:
    strategy = load(description="Grüße 🙂 \x07 NO 12:30")
    assert parse_strategy(strategy.text) == strategy


def test_equal_meaning_has_one_canonical_form() -> None:
    short = load(indicators={"macd": {"type": "macd"}, "rsi": {"type": "rsi"}})
    long = load(
        version="3.0",
        training_data=timeframes(mode="single", list=["1h"]) | {"history_required": 0},
        indicators={"rsi": {"type": "RSI", "period": 14}, "macd": {"type": "MACD", "fast": 12, "source": "close"}},
        decisions={"confidence_threshold": 0.5},
        execution={"commission": {"rate": 0.001}},
    )
    assert short.canonical_json() == long.canonical_json()


def test_the_order_of_memberships_is_part_of_the_meaning() -> None:
    sets = {"level": {"indicator": "rsi", "high": [60, 80, 100], "low": [0, 20, 40]}}
    assert load(fuzzy_sets=sets).canonical_json() != load().canonical_json()


def test_description_and_training_can_be_left_out_of_the_identity() -> None:
    other = load(description="other words", training={"epochs": 3})
    without = ("description", "training")
    assert other.canonical_json() != load().canonical_json()
    assert other.canonical_json(without=without) == load().canonical_json(without=without)


def test_what_a_bundle_must_match_ignores_decisions_and_execution() -> None:
    changed = load(decisions={"confidence_threshold": 0.9}, execution={"allow_short": False}, training={"epochs": 1})
    assert changed.feature_part() == load().feature_part()
    period = load(indicators={"rsi": {"type": "rsi", "period": 15}, "macd": {"type": "macd"}})
    assert period.feature_names == load().feature_names
    assert period.feature_part() != load().feature_part()


def test_sizes_of_nets() -> None:
    inputs = [{"raw_indicator": "rsi"}, {"raw_indicator": "macd.line"}]
    mlp = load(nn_inputs=inputs, model={"architecture": {"hidden_layers": [4]}})
    assert mlp.parameter_count() == (2 * 4 + 4) + (4 * 3 + 3)
    lstm = load(
        nn_inputs=inputs,
        model={"type": "LSTM", "architecture": {"sequence_length": 5, "hidden_size": 4, "num_layers": 2}},
    )
    first = 4 * (4 * 2 + 4 * 4 + 8)
    second = 4 * (4 * 4 + 4 * 4 + 8)
    assert (lstm.parameter_count(), lstm.sequence_length) == (first + second + 4 * 3 + 3, 5)
    gru = load(
        nn_inputs=inputs,
        model={"type": "gru", "architecture": {"sequence_length": 5, "hidden_size": 4, "num_layers": 1}},
    )
    assert gru.parameter_count() == 3 * (4 * 2 + 4 * 4 + 8) + 4 * 3 + 3


def test_a_path_is_read_and_named_as_given(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(load().text.replace("sample", "a b"))
    with pytest.raises(ConfigError) as caught:
        load_strategy(file, where="mine.yaml")
    assert str(caught.value).startswith("mine.yaml:2: name: ")
    file.write_text(load().text)
    assert load_strategy(str(file)).name == load_strategy(file).name == "sample"
    with pytest.raises(ConfigNotFound):
        load_strategy(str(file), allow_path=False)
    with pytest.raises(ConfigNotFound):
        load_strategy(tmp_path / "absent.yaml")

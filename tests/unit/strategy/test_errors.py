"""Each rule of the grammar, broken once: the code, the path and the line of the error."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ktrdr.errors import ConfigError
from ktrdr.strategy.loader import load_strategy, parse_strategy
from support.inputs.strategy_text import BARRIER, BASE, LSTM, REGRESSION, failure, line_of, listed

PAIRS = 25
FATAL = {"config_document", "config_alias", "config_too_deep"}
NO_TEXT_KEY = {("config_type", "training")}

# (text of the sample, text in its place, code, path, text on the line that is named)
CASES = [
    # the document
    ("name: sample", "name: [sample", "config_document", None, None),
    ("metrics: {", "---\nname: two\nmetrics: {", "config_document", None, "---"),
    ("name: sample", "name: sample\nname: again", "config_duplicate_key", "name", "again"),
    ("epochs: 5", "epochs: 5\n  epochs: 6", "config_duplicate_key", "training.epochs", "epochs: 6"),
    ("low: [0, 20, 40]", "low: &a [0, 20, 40]", "config_alias", "fuzzy_sets.rsi_level.low", "&a"),
    ("low: [0, 20, 40]", "low: *a", "config_alias", "fuzzy_sets.rsi_level.low", "*a"),
    ("epochs: 5", "<<: {epochs: 5}", "config_alias", "training", "<<"),
    ("epochs: 5", "epochs: !!int 5", "config_tag", "training.epochs", "!!int"),
    ("description: text", "scope: " + "[" * 16 + "]" * 16, "config_too_deep", "scope" + "[0]" * 15, "scope"),
    ("epochs: 5", "epochs: .inf", "config_nonfinite", "training.epochs", "epochs"),
    ("rate: 0.0001", "rate: .nan", "config_nonfinite", "execution.commission.rate", ".nan"),
    ("rate: 0.0001", "rate: 1e999", "config_nonfinite", "execution.commission.rate", "1e999"),
    ("epochs: 5", "epochs: 1" + "0" * 400, "config_nonfinite", "training.epochs", "epochs"),
    ("epochs: 5", "epochs: 5\n  7: 8", "config_type", "training", "7: 8"),
    # top level
    ("name: sample", "nam: sample", "config_unknown_key", "nam", "nam"),
    ("name: sample\n", "", "config_missing", "name", None),
    ("name: sample", "name: a/b", "config_range", "name", "a/b"),
    ("name: sample", f"name: {'a' * 65}", "config_range", "name", "aaa"),
    ("name: sample", "name: 12", "config_type", "name", "12"),
    ('version: "3.0"', "version: 2.0", "config_type", "version", "2.0"),
    ("description: text", "hypothesis: text", "config_unknown_key", "hypothesis", "hypothesis"),
    ("metrics: {", "metric: {", "config_unknown_key", "metric", "metric"),
    # training data
    ("symbol: EURUSD", "symbol: 12:30 x y", "config_range", "training_data.symbols.symbol", "12:30"),
    ("symbol: EURUSD", "symbol: 5", "config_type", "training_data.symbols.symbol", "symbol: 5"),
    ("symbol: EURUSD", "list: [EURUSD]", "config_unknown_key", "training_data.symbols.list", "list: [EURUSD]"),
    ("mode: single", "mode: multi_symbol", "config_unknown_key", "training_data.symbols.symbol", "symbol: EURUSD"),
    ("mode: single", "mode: many", "config_range", "training_data.symbols.mode", "many"),
    ("    mode: single\n    symbol: EURUSD", "    mode: multi_symbol\n    list: [A, B, A]", "config_range",
     "training_data.symbols.list[2]", "[A, B, A]"),
    ("    mode: single\n    symbol: EURUSD", f"    mode: multi_symbol\n    list: {[f'S{i}' for i in range(17)]}",
     "config_range", "training_data.symbols.list", "S16"),
    ("list: [1h, 4h]", "list: [1h]", "config_range", "training_data.timeframes.list", "[1h]"),
    ("list: [1h, 4h]", "list: [1h, 7h]", "config_range", "training_data.timeframes.list[1]", "7h"),
    ("list: [1h, 4h]", "list: [1h, 1h]", "config_range", "training_data.timeframes.list[1]", "1h, 1h"),
    ("list: [1h, 4h]", "list: [1h, 60]", "config_type", "training_data.timeframes.list[1]", "60"),
    ("    list: [1h, 4h]\n", "", "config_missing", "training_data.timeframes.list", "timeframes:"),
    ("list: [1h, 4h]", "timeframe: 1h", "config_unknown_key", "training_data.timeframes.timeframe", "timeframe: 1h"),
    ("mode: multi_timeframe", "mode: single", "config_range", "training_data.timeframes.list", "list: [1h, 4h]"),
    ("base_timeframe: 1h", "base_timeframe: 1d", "config_reference", "training_data.timeframes.base_timeframe", "1d"),
    ("base_timeframe: 1h", "base_timeframe: 3h", "config_range", "training_data.timeframes.base_timeframe", "3h"),
    ("history_required: 10", "history_required: -1", "config_range", "training_data.history_required", "-1"),
    ("history_required: 10", "history_required: 1.0", "config_type", "training_data.history_required", "1.0"),
    ("start: 2022-01-01", "start: 2022-02-30", "config_type", "training_data.date_range.start", "02-30"),
    ("end: 2023-12-31", "end: 2021-12-31", "config_range", "training_data.date_range.end", "2021-12-31"),
    ("history_required: 10", "start_date: 2022-01-01", "config_range", "training_data.start_date", "start_date"),
    # indicators
    ("type: rsi", "type: rsii", "config_range", "indicators.rsi_14.type", "rsii"),
    ("type: rsi", "type: ZigZag", "config_range", "indicators.rsi_14.type", "ZigZag"),
    ("{type: rsi, period: 14}", "{period: 14}", "config_missing", "indicators.rsi_14.type", "rsi_14:"),
    ("{type: rsi, period: 14}", "rsi", "config_type", "indicators.rsi_14", "rsi_14: rsi"),
    ("period: 14", "period: 14.5", "config_type", "indicators.rsi_14.period", "14.5"),
    ("period: 14", "period: '14'", "config_type", "indicators.rsi_14.period", "'14'"),
    ("period: 14", "period: true", "config_type", "indicators.rsi_14.period", "true"),
    ("period: 14", "period: 1", "config_range", "indicators.rsi_14.period", "period: 1}"),
    ("period: 14", "period: 10001", "config_range", "indicators.rsi_14.period", "10001"),
    ("period: 14", "perod: 14", "config_unknown_key", "indicators.rsi_14.perod", "perod"),
    ("period: 14", "source: closed", "config_range", "indicators.rsi_14.source", "closed"),
    ("period: 14", "source: 3", "config_type", "indicators.rsi_14.source", "source: 3"),
    ("type: rsi,", "type: atr, source: close,", "config_unknown_key", "indicators.rsi_14.source", "atr"),
    ("fast: 12", "fast: 26", "config_range", "indicators.macd", "fast: 26"),
    ("fast: 12", "fast: 12, fast_period: 12", "config_duplicate_key", "indicators.macd.fast_period", "fast_period"),
    ("multiplier: 2.5", "multiplier: 0", "config_range", "indicators.bands.multiplier", "multiplier: 0"),
    ("multiplier: 2.5", "multiplier: 101", "config_range", "indicators.bands.multiplier", "101"),
    ("multiplier: 2.5", "data_source: X", "config_reference", "indicators.bands.data_source", "data_source"),
    ("  bands:", "  ba.nds:", "config_range", "indicators.ba.nds", "ba.nds"),
    ("type: bbands, multiplier: 2.5", "type: parabolicsar, initial_af: 0.3", "config_range", "indicators.bands", "sar"),
    ("type: bbands, multiplier: 2.5", "type: vwap, period: -1", "config_range", "indicators.bands.period", "vwap"),
    ("type: bbands, multiplier: 2.5", "type: hma, period: 1", "config_range", "indicators.bands.period", "hma"),
    # fuzzy sets
    ("[0, 20, 40]", "[0, 50, 40]", "config_fuzzy", "fuzzy_sets.rsi_level.low", "[0, 50, 40]"),
    ("[0, 20, 40]", "[0, 20]", "config_fuzzy", "fuzzy_sets.rsi_level.low", "[0, 20]"),
    ("[0, 20, 40]", "[0, 20, 'x']", "config_type", "fuzzy_sets.rsi_level.low[2]", "'x'"),
    ("[0, 20, 40]", "20", "config_type", "fuzzy_sets.rsi_level.low", "low: 20"),
    ("[70, 10]", "[70, 0]", "config_fuzzy", "fuzzy_sets.rsi_level.high.parameters", "[70, 0]"),
    ("[0, 5000]", "[0, 0]", "config_fuzzy", "fuzzy_sets.macd_level.up.parameters", "[0, 0]"),
    ("type: gaussian", "type: gausian", "config_range", "fuzzy_sets.rsi_level.high.type", "gausian"),
    ("type: gaussian, parameters", "type: gaussian, params", "config_unknown_key", "fuzzy_sets.rsi_level.high.params",
     "params"),
    ("{type: gaussian, parameters: [70, 10]}", "{type: gaussian}", "config_missing",
     "fuzzy_sets.rsi_level.high.parameters", "high:"),
    ("indicator: rsi_14", "indicator: rsi_15", "config_reference", "fuzzy_sets.rsi_level.indicator", "rsi_15"),
    ("indicator: rsi_14", "indicator: rsi_14.value", "config_reference", "fuzzy_sets.rsi_level.indicator", "value"),
    ("macd.histogram", "macd.hist", "config_reference", "fuzzy_sets.macd_level.indicator", "macd.hist"),
    ("    indicator: rsi_14\n", "", "config_missing", "fuzzy_sets.rsi_level.indicator", "rsi_level:"),
    ("    up: {type: sigmoid, parameters: [0, 5000]}\n", "", "config_missing", "fuzzy_sets.macd_level", "macd_level:"),
    # inputs
    ("fuzzy_set: rsi_level", "fuzzy_set: rsi_leve", "config_reference", "nn_inputs[0].fuzzy_set", "rsi_leve\n"),
    ("raw_indicator: macd.line", "raw_indicator: macs", "config_reference", "nn_inputs[2].raw_indicator", "macs"),
    ("    timeframes: all", "    raw_indicator: rsi_14", "config_range", "nn_inputs[0]", "- fuzzy_set: rsi_level"),
    ("  - fuzzy_set: rsi_level\n    timeframes: all", "  - timeframes: all", "config_missing", "nn_inputs[0]",
     "- timeframes: all"),
    ("zscore", "robust", "config_range", "nn_inputs[2].normalization", "robust"),
    ("raw_indicator: macd.line\n    normalization: zscore", "raw_indicator: rsi_14\n    normalization: relative",
     "config_range", "nn_inputs[2].normalization", "relative"),
    ("timeframes: [4h]", "timeframes: [1d]", "config_reference", "nn_inputs[1].timeframes[0]", "[1d]"),
    ("timeframes: [4h]", "timeframes: []", "config_range", "nn_inputs[1].timeframes", "[]"),
    ("timeframes: [4h]", "timeframes: 4h", "config_type", "nn_inputs[1].timeframes", "timeframes: 4h"),
    ("timeframes: [4h]", "timeframes: [4h, 4h]", "config_duplicate_feature", "nn_inputs[1]", "fuzzy_set: macd_level"),
    ("  - fuzzy_set: macd_level\n    timeframes: [4h]", "  - raw_indicator: macd", "config_duplicate_feature",
     "nn_inputs[2]", "raw_indicator: macd.line"),
    ("fuzzy_set: macd_level\n", "fuzzy_set: rsi_level\n", "config_duplicate_feature", "nn_inputs[1]",
     "rsi_level\n    timeframes: [4h]"),
    # model
    ("type: MLP", "type: cnn", "config_range", "model.type", "cnn"),
    ("type: MLP", "type: MLP\n  hidden_layers: [8]", "config_unknown_key", "model.hidden_layers", "hidden_layers: [8]"),
    ("[8, 4]", "[8, 4097]", "config_range", "model.architecture.hidden_layers[1]", "4097"),
    ("[8, 4]", "[8, 0]", "config_range", "model.architecture.hidden_layers[1]", "[8, 0]"),
    ("[8, 4]", "[1, 1, 1, 1, 1, 1, 1, 1, 1]", "config_range", "model.architecture.hidden_layers", "1, 1"),
    ("dropout: 0.1", "dropout: 1", "config_range", "model.architecture.dropout", "dropout: 1"),
    ("dropout: 0.1", "activation: swish", "config_range", "model.architecture.activation", "swish"),
    ("dropout: 0.1", "sequence_length: 5", "config_unknown_key", "model.architecture.sequence_length", "sequence"),
    (LSTM[0], LSTM[1] + "}", "config_missing", "model.architecture.sequence_length", "architecture"),
    (LSTM[0], LSTM[1] + "sequence_length: 1025}", "config_range", "model.architecture.sequence_length", "1025"),
    (LSTM[0], LSTM[1] + "sequence_length: 9, hidden_size: 1025}", "config_range", "model.architecture.hidden_size",
     "1025"),
    (LSTM[0], LSTM[1] + "sequence_length: 9, num_layers: 5}", "config_range", "model.architecture.num_layers",
     "num_layers"),
    (LSTM[0], LSTM[1] + "sequence_length: 9, hidden_layers: [8]}", "config_unknown_key",
     "model.architecture.hidden_layers", "[8]"),
    # decisions
    ("confidence_threshold: 0.4", "confidence_treshold: 0.4", "config_unknown_key", "decisions.confidence_treshold",
     "treshold"),
    ("confidence_threshold: 0.4", "confidence_threshold: 1.1", "config_range", "decisions.confidence_threshold", "1.1"),
    ("confidence_threshold: 0.4", "num_classes: 4", "config_range", "decisions.num_classes", "num_classes"),
    ("confidence_threshold: 0.4", "position_awareness: yes", "config_type", "decisions.position_awareness", "yes"),
    ("confidence_threshold: 0.4", "output_format: regresion", "config_range", "decisions.output_format", "regresion"),
    ("confidence_threshold: 0.4", "cost_model: {round_trip_cost: 0}", "config_range",
     "decisions.cost_model.round_trip_cost", "cost_model"),
    ("min_signal_separation: 2", "min_signal_separation: -2", "config_range", "decisions.filters.min_signal_separation",
     "-2"),
    # training
    ("epochs: 5", "epoch: 5", "config_unknown_key", "training.epoch", "epoch: 5"),
    ("epochs: 5", "epochs: 0", "config_range", "training.epochs", "epochs: 0"),
    ("epochs: 5", "epochs: 10001", "config_range", "training.epochs", "10001"),
    ("epochs: 5", "epochs: 5.0", "config_type", "training.epochs", "5.0"),
    ("epochs: 5", "method: reinforcement", "config_range", "training.method", "reinforcement"),
    ("epochs: 5", "optimizer: rmsprop", "config_range", "training.optimizer", "rmsprop"),
    ("epochs: 5", "loss: huber", "config_range", "training.loss", "huber"),
    ("epochs: 5", "gradient_clip: 0", "config_range", "training.gradient_clip", "gradient_clip"),
    ("epochs: 5", "lr_scheduler: {type: cosine}", "config_range", "training.lr_scheduler.type", "cosine"),
    ("epochs: 5", "lr_scheduler: {gamma: 0.5}", "config_missing", "training.lr_scheduler.type", "gamma"),
    ("epochs: 5", "early_stopping: {patience: 0}", "config_range", "training.early_stopping.patience", "patience"),
    ("epochs: 5", "data_split: {train: 0.8}", "config_range", "training.data_split", "data_split"),
    ("epochs: 5", "data_split: {train: 1.0}", "config_range", "training.data_split.train", "data_split"),
    ("epochs: 5", "validation_split: 0.85", "config_range", "training.validation_split", "0.85"),
    ("epochs: 5", "validation_split: 0.2\n  data_split: {train: 0.7}", "config_range", "training.validation_split",
     "validation_split"),
    ("seed: 1", "seed: -1", "config_range", "training.seed", "seed: -1"),
    ("type: MLP", "type: MLP\n  training: {epochs: 0}", "config_range", "model.training.epochs", "training: {"),
    ("source: zigzag,", "source: zigzags,", "config_range", "training.labels.source", "zigzags"),
    ("source: zigzag, ", "", "config_missing", "training.labels.source", "labels:"),
    ("zigzag_threshold: 0.005", "threshold: 0.005", "config_unknown_key", "training.labels.threshold", "labels:"),
    ("zigzag_threshold: 0.005", "zigzag_threshold: 1", "config_range", "training.labels.zigzag_threshold", "labels"),
    (BARRIER[0], "{source: forward_return}", "config_range", "training.labels.source", "forward_return"),
    (BARRIER[0], BARRIER[1] + "pt_multiplier: 2, profit_target_atr: 2}", "config_duplicate_key",
     "training.labels.profit_target_atr", "pt_multiplier"),
    (BARRIER[0], BARRIER[1] + "pt_multiplier: -2}", "config_range", "training.labels.pt_multiplier", "pt_multiplier"),
    (REGRESSION[0], REGRESSION[1] + "  loss: focal\n", "config_range", "training.loss", "focal"),
    (REGRESSION[0], "decisions: {output_format: regression}\ntraining:\n", "config_range", "training.labels.source",
     "training:"),
    # execution and metrics
    ("stop_loss: {", "stop_los: {", "config_unknown_key", "execution.exits.stop_los", "stop_los"),
    ("stop_loss: {rate: 0.01}", "stop_loss: {rate: 0}", "config_range", "execution.exits.stop_loss.rate", "rate: 0}"),
    ("commission: {rate: 0.0001}", "commission: {rate: 1}", "config_range", "execution.commission.rate", "rate: 1}"),
    ("commission: {rate: 0.0001}", "slippage: {ticks: 1}", "config_missing", "execution.instrument.tick_size",
     "execution:"),
    ("commission: {rate: 0.0001}", "sizing: {fraction: 0.1}", "config_missing", "execution.sizing.kind", "sizing"),
    ("commission: {rate: 0.0001}", "sizing: {kind: equity_fraction, fraction: 2}", "config_range",
     "execution.sizing.fraction", "sizing"),
    ("periods_per_year: 252", "periods_per_year: 367", "config_range", "metrics.periods_per_year", "367"),
]  # fmt: skip


def test_the_sample_itself_is_valid() -> None:
    assert parse_strategy(BASE).warnings == ()


@pytest.mark.parametrize(("old", "new", "code", "path", "marker"), CASES, ids=range(len(CASES)))
def test_a_broken_rule_names_code_path_and_line(
    old: str, new: str, code: str, path: str | None, marker: str | None
) -> None:
    assert old in BASE
    text = BASE.replace(old, new, 1)
    error = failure(text)
    assert (error.code, error.path) == (code, path), str(error)
    assert error.where == "sample.yaml"
    if marker is not None:
        assert error.line == line_of(marker, text), str(error)
        assert str(error).startswith(f"sample.yaml:{error.line}: ")
    assert all("\n" not in str(fault) for fault in error.faults or (error,))


HINTS = [
    ("name: sample", "nam: sample", "name"),
    ("stop_loss: {", "stop_los: {", "stop_loss"),
    ("commission: {rate: 0.0001}", "stop_loss: {rate: 0.1}", "exits.stop_loss"),
    ("period: 14", "perod: 14", "period"),
    ("type: rsi,", "type: rsy,", "rsi"),
    ("indicator: rsi_14", "indicator: rsi_41", "rsi_14"),
    ("macd.histogram", "macd.histogramm", "histogram"),
    ("type: MLP", "type: MLP\n  hidden_layers: [8]", "architecture.hidden_layers"),
    ("fuzzy_set: macd_level", "fuzzy_set: macd_levels", "macd_level"),
    ("source: zigzag,", "source: zigzak,", "zigzag"),
]


@pytest.mark.parametrize(("old", "new", "nearest"), HINTS)
def test_a_misspelt_name_is_answered_with_the_nearest(old: str, new: str, nearest: str) -> None:
    assert failure(BASE.replace(old, new, 1)).hint == f"did you mean {nearest}?"


def test_a_file_that_is_too_large_is_refused_before_it_is_parsed() -> None:
    assert failure(BASE + "#" * (256 * 1024)).code == "config_document"


def test_sixty_five_indicators_are_too_many() -> None:
    many = "".join(f"  i{index}: {{type: sma}}\n" for index in range(62))
    error = failure(BASE.replace("fuzzy_sets:\n", many + "fuzzy_sets:\n", 1))
    assert (error.code, error.path, error.found) == ("config_range", "indicators", 65)


def test_more_features_than_a_net_may_have() -> None:
    members = "".join(f"    m{index}: [0, 1, 2]\n" for index in range(1_025))
    error = failure(BASE.replace("    low: [0, 20, 40]\n", members, 1))
    assert (error.code, error.path) == ("config_range", "nn_inputs[0]")


def test_a_mapping_obeys_the_same_rules_without_lines() -> None:
    source: dict[str, Any] = load_strategy(parse_strategy(BASE).canonical()).canonical()
    source["indicators"]["rsi_14"]["period"] = float("inf")
    with pytest.raises(ConfigError) as caught:
        load_strategy(source)
    error = caught.value
    assert (error.code, error.path, error.line) == ("config_nonfinite", "indicators.rsi_14.period", None)


def test_a_name_with_a_line_break_leaves_every_fault_on_one_line() -> None:
    mapping = {**load_strategy("v3_minimal").canonical(), "fuzzy_sets": {"\n": None}}
    with pytest.raises(ConfigError) as caught:
        load_strategy(mapping)
    assert "fuzzy_sets: none" in str(caught.value)
    assert all("\n" not in str(fault) for fault in caught.value.faults)


def test_a_mapping_that_contains_itself_is_too_deep() -> None:
    loop: dict[str, Any] = {}
    loop["scope"] = loop
    with pytest.raises(ConfigError) as caught:
        load_strategy(loop)
    assert caught.value.code == "config_too_deep"


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", 1j])
def test_a_mapping_of_foreign_objects_is_a_type_error(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        load_strategy({"name": value})
    assert (caught.value.code, caught.value.path) == ("config_type", "name")


@pytest.mark.parametrize("data", ["- a", "text", "5", "null"])
def test_a_document_that_is_no_mapping(data: str) -> None:
    assert failure(data).code == "config_type"


def may_hide(fault: tuple[str, str | None], other: tuple[str, str | None]) -> bool:
    """Returns True where ``fault`` can only be seen once ``other`` is mended."""
    code, path = fault
    if other[0] in FATAL or other in NO_TEXT_KEY or path == other[1]:
        return True
    if code in {"config_reference", "config_duplicate_feature"}:
        return True
    return (other[1] or "").rpartition(".")[0].startswith((path or "").rpartition(".")[0])


def test_two_faults_are_the_faults_of_both() -> None:
    """Two edits at once: nothing is invented, and nothing lost but a check between the keys of a faulty part."""
    draw = random.Random(7)
    for _ in range(PAIRS):
        one, two = draw.sample(CASES, 2)
        text = BASE.replace(one[0], one[1], 1)
        if two[0] not in text or one[0] in two[0] or two[0] in one[0] or one[0].split(":")[0] in two[0]:
            continue
        both = listed(failure(text.replace(two[0], two[1], 1)))
        allowed = listed(failure(text)) | listed(failure(BASE.replace(two[0], two[1], 1)))
        assert both <= allowed, (one, two)
        lost = allowed - both
        assert all(any(may_hide(fault, other) for other in allowed - {fault}) for fault in lost), (one, two, lost)


BARE = [
    ("execution", "commission: 0.0001", "commission: {rate: 0.0001}"),
    ("execution", "commission: 1 %", "commission: {rate: NUMBER}"),
    ("execution", "slippage: 0.0001", "slippage: {rate: 0.0001}, or {ticks: NUMBER}"),
    ("execution", "spread: 0.0002", "spread: {half: 0.0002}, or half of it if 0.0002 is the whole spread"),
    ("execution", "financing: 0.05", "financing: {long_rate: 0.05, short_rate: 0.05}"),
    ("execution", "margin: 2", "margin: {max_leverage: 2}"),
    ("execution", "sizing: 0.5", "sizing: {kind: cash_fraction, fraction: 0.5}"),
    ("execution", "instrument: 0.01", "instrument: {tick_size: 0.01}"),
    ("execution", "exits: 0.01", "exits: {stop_loss: {rate: 0.01}}"),
    ("execution.exits", "stop_loss: 0.01", "stop_loss: {rate: 0.01}, or {atr: MULTIPLE}"),
    ("execution.exits", "take_profit: 0.01", "take_profit: {rate: 0.01}, or {atr: MULTIPLE}"),
    ("execution.exits", "trailing_stop: true", "trailing_stop: {rate: NUMBER}, or {atr: MULTIPLE}"),
    ("decisions", "filters: 4", "filters: {min_signal_separation: 4}"),
    ("decisions", "cost_model: 0.001", "cost_model: {round_trip_cost: 0.001}"),
    ("training", "early_stopping: 10", "early_stopping: {patience: 10}"),
    # A number that the mapping would refuse is not repeated.
    ("execution", "sizing: 10", "sizing: {kind: cash_fraction, fraction: NUMBER}"),
    ("execution", "commission: 5", "commission: {rate: NUMBER}"),
    ("execution", "slippage: 2", "slippage: {rate: NUMBER}, or {ticks: NUMBER}"),
    ("execution", "spread: -1", "spread: {half: NUMBER}, or half of it if NUMBER is the whole spread"),
    ("execution", "margin: 0.5", "margin: {max_leverage: NUMBER}"),
    ("execution", "exits: 0", "exits: {stop_loss: {rate: NUMBER}}"),
    ("execution.exits", "stop_loss: 0", "stop_loss: {rate: NUMBER}, or {atr: MULTIPLE}, or null"),
    ("execution.exits", "stop_loss: -0.01", "stop_loss: {rate: NUMBER}, or {atr: MULTIPLE}"),
    ("training", "early_stopping: 0.5", "early_stopping: {patience: NUMBER}"),
    # Words that switch something off.
    ("execution.exits", "stop_loss: false", "stop_loss: null"),
    ("execution.exits", "take_profit: none", "take_profit: null"),
    ("execution.exits", "trailing_stop: 'Off'", "trailing_stop: null"),
    ("execution", "commission: none", "commission: {rate: 0}"),
    ("execution", "spread: no", "spread: {half: 0}"),
    ("execution", "sizing: false", "sizing: {kind: cash_fraction, fraction: NUMBER}"),
    ("training", "early_stopping: false", "early_stopping: null"),
]
SECTIONS = BASE[: BASE.index("decisions:")]


@pytest.mark.parametrize(("section", "bare", "written"), BARE)
def test_a_number_in_place_of_a_mapping_says_how_to_write_it(section: str, bare: str, written: str) -> None:
    """The hint is valid itself: a reader may paste it."""
    before = SECTIONS + section.replace(".", ":\n  ") + ": {"
    error = failure(before + bare + "}\n")
    assert (error.code, error.path, error.expected) == (
        "config_type",
        f"{section}.{bare.partition(':')[0]}",
        "a mapping",
    )
    assert error.hint == f"write {written}"
    number = "2" if bare.startswith(("margin", "early_stopping")) else "0.01"
    assert parse_strategy(before + written.partition(", or ")[0].replace("NUMBER", number) + "}\n")


@pytest.mark.parametrize("off", ["false", "none", "'off'"])
def test_null_is_advised_where_it_switches_a_rule_off(off: str) -> None:
    error = failure(SECTIONS + f"execution:\n  exits: {{max_holding_bars: {off}}}\n")
    assert (error.code, error.hint) == ("config_type", "write max_holding_bars: null")
    error = failure(SECTIONS + f"execution:\n  exits: {{atr_period: {off}}}\n")
    assert (error.code, error.hint) == ("config_type", "")


def test_a_hint_comes_beside_every_other_problem() -> None:
    error = failure(SECTIONS + "execution:\n  commission: 0.1\n  fil: this_close\n")
    assert [fault.hint for fault in error.faults] == ["write commission: {rate: 0.1}", "did you mean fill?"]

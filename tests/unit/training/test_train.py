"""From a strategy and bars to a bundle: what is written, what every key does, and what is refused."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from ktrdr.data.bars import BarSeries, Provenance
from ktrdr.data.store.repository import MemoryBars, Repository
from ktrdr.errors import ArgumentInvalid, Cancelled, KtrdrError
from ktrdr.feature_pipeline.build import build_features
from ktrdr.neural.bundle import ModelBundle, read_config
from ktrdr.neural.match import require_same_features
from ktrdr.neural.storage import ModelStorage
from ktrdr.strategy.loader import load_strategy
from ktrdr.time import NS_PER_DAY, Span, Timeframe
from ktrdr.training.labels import labels
from ktrdr.training.samples import make_samples, whole_windows
from ktrdr.training.train import TrainResult, train
from support.inputs.nets import strategy_of
from support.inputs.walks import START_NS, walk

BARS = walk(1_500, seed=3)
TRAINING: dict[str, Any] = {
    "labels": {"source": "zigzag", "zigzag_threshold": 0.01}, "epochs": 3, "batch_size": 64, "learning_rate": 0.01,
    "seed": 1,
}  # fmt: skip
RETURNS: dict[str, Any] = {"labels": {"source": "forward_return", "horizon": 5}}
BARRIER: dict[str, Any] = {"labels": {"source": "triple_barrier"}}


def file(
    kind: str = "mlp", output_format: str = "classification", training: Mapping[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    made = strategy_of(
        kind, decisions={"output_format": output_format}, training={**TRAINING, **(training or {})}, **changes
    )  # fmt: skip
    return made.canonical()


def trained(folder: Path, strategy: Mapping[str, Any] | None = None, **options: Any) -> TrainResult:
    given = {"bars": {"1h": BARS}, "device": "cpu", "threads": 1} | options
    return train(file() if strategy is None else strategy, data_dir=folder, **given)


def weights(result: TrainResult) -> dict[str, torch.Tensor]:
    return dict(ModelBundle.load(result.path).model.state_dict())


def same(one: TrainResult, two: TrainResult) -> bool:
    left = weights(one)
    right = weights(two)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


# --- the bundle -------------------------------------------------------------------------------------------------------


def test_a_bundle_says_what_was_done(tmp_path: Path) -> None:
    result = trained(tmp_path)
    assert result.path == tmp_path / "models" / "tiny" / "1h_v1"
    bundle = ModelBundle.load(result.path)
    metadata = bundle.metadata
    strategy = load_strategy(file())
    require_same_features(strategy, metadata)
    assert metadata.symbols == ("EURUSD",) and metadata.timeframes == (Timeframe.H1,)
    assert metadata.synthetic is False
    assert metadata.run["seed"] == 1 and metadata.run["threads"] == 1
    hour = Timeframe.H1.ns
    assert metadata.training_span == Span(START_NS, START_NS + 1_500 * hour)
    assert metadata.in_sample is not None and metadata.selection is not None
    ends = metadata.label_ends
    assert metadata.in_sample.end_ns == max(ends["train"], ends["validation"])
    assert ends["train"] <= START_NS + 1_050 * hour  # the first validation stamp
    assert ends["validation"] <= START_NS + 1_275 * hour  # the first test stamp
    assert metadata.selection.start_ns == START_NS + (1_275 + 15) * hour  # after an embargo of 15 of 1,500 stamps
    assert metadata.selection.end_ns == ends["test"] <= START_NS + 1_500 * hour
    assert read_config(result.path) == strategy.canonical()
    metrics = json.loads((result.path / "metrics.json").read_text())
    assert set(metrics) == {"best_epoch", "epochs", "splits", "judged"}
    assert (metrics["best_epoch"], metrics["epochs"]) == (metadata.metrics["best_epoch"], list(result.history))
    assert {name: split["rows"] for name, split in metrics["splits"].items()} == result.metrics["rows"]
    assert metrics["judged"]["test"]["accuracy"] == result.metrics["test_accuracy"]
    assert result.metrics["rows"]["train"] > 500
    assert {"test_loss", "test_accuracy", "validation_loss", "train_loss"} <= result.metrics.keys()
    assert ModelStorage(tmp_path / "models").find(result.model_id).path == result.path
    assert pickle.loads(pickle.dumps(result)) == result
    assert repr(result).startswith("<TrainResult tiny/1h_v1: 3 epochs") and len(repr(result)) < 100


def test_training_again_elsewhere_gives_the_same_bundle(tmp_path: Path) -> None:
    first = trained(tmp_path / "one")
    again = trained(tmp_path / "two")
    assert again.is_new and first.result_hash == again.result_hash and first.identity == again.identity
    for name in ("model.safetensors", "metadata_v3.json", "config.json"):
        assert (first.path / name).read_bytes() == (again.path / name).read_bytes()


def test_an_equal_training_finds_the_bundle_that_exists(tmp_path: Path) -> None:
    first = trained(tmp_path)
    again = trained(tmp_path)
    assert first.is_new and not again.is_new
    assert replace(again, is_new=True) == first
    assert first.metadata.identity["hash"] == first.identity and len(first.identity) == 64
    # a start before the first bar, and rules that no net depends on
    traded = file(execution={"commission": {"rate": 0.1}}, description="another one")
    for strategy, options in ((file(), {"start": "2021-12-31"}), (traded, {}), (file(), {"seed": 1})):
        assert trained(tmp_path, strategy, **options).path == first.path
    assert [model.id for model in ModelStorage(tmp_path / "models").models()] == [first.model_id]


def test_an_equal_training_asks_for_no_second_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(tmp_path)
    monkeypatch.setattr("ktrdr.training.trainer.fit", lambda *_, **__: pytest.fail("trained again"))
    trained(tmp_path)


def test_whatever_decides_a_net_makes_another_bundle(tmp_path: Path) -> None:
    longer = file(indicators={"rsi_14": {"type": "rsi", "period": 15}})
    other = BARS.with_columns(pl.when(pl.int_range(pl.len()) == 700).then(pl.col("close") * 1.0001).otherwise("close"))
    cases: list[tuple[Mapping[str, Any], dict[str, Any]]] = [
        (file(), {}),
        (file(), {"seed": 2}),
        (file(), {"threads": 2}),
        (file(), {"end": "2022-02-28"}),
        (file(), {"start": "2022-01-02"}),
        (file(), {"training": {"epochs": 2}}),
        (file(), {"bars": {"1h": other}}),
        (file(), {"symbol": "GBPUSD"}),
        (longer, {}),
    ]
    results = [trained(tmp_path, strategy, **options) for strategy, options in cases]
    assert all(result.is_new for result in results)
    assert len({result.identity for result in results}) == len(cases)


def test_a_damaged_bundle_is_not_found_again(tmp_path: Path) -> None:
    first = trained(tmp_path)
    weights_file = first.path / "model.safetensors"
    whole = weights_file.read_bytes()
    weights_file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    again = trained(tmp_path)
    assert again.is_new and again.model_id == "tiny/1h_v2" and (again.path / "model.safetensors").read_bytes() == whole


def test_rules_of_a_call_are_laid_over_the_files(tmp_path: Path) -> None:
    result = trained(tmp_path, training={"epochs": 2, "labels": {"zigzag_threshold": 0.02}})
    section = read_config(result.path)["training"]
    assert (section["epochs"], section["batch_size"], len(result.history)) == (2, 64, 2)
    assert section["labels"] == {"source": "zigzag", "zigzag_threshold": 0.02} and result.rules == section
    with pytest.raises(KtrdrError, match="did you mean epochs"):
        trained(tmp_path, training={"epoch": 2})


def test_several_symbols_are_trained_together(tmp_path: Path) -> None:
    for symbol, seed in (("AAA", 3), ("BBB", 8)):
        Repository(tmp_path).store(BarSeries.from_frame(walk(1_500, seed=seed), symbol, Timeframe.H1, Provenance()))
    result = trained(tmp_path, bars=None, symbol=["AAA", "BBB"])
    assert result.metadata.symbols == ("AAA", "BBB")
    assert trained(tmp_path, bars=None, symbol=["BBB", "AAA"]).is_new  # the order of the rows decides the net


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_windows_are_trained_too(kind: str, tmp_path: Path) -> None:
    result = trained(tmp_path, file(kind))
    assert ModelBundle.load(result.path).metadata.sequence_length == 5


def test_stored_series_are_trained_on_and_their_origin_is_kept(tmp_path: Path) -> None:
    Repository(tmp_path).store(BarSeries.from_frame(BARS, "EURUSD", Timeframe.H1, Provenance(synthetic=True)))
    result = trained(tmp_path, bars=None)
    assert result.metadata.synthetic is True


def test_bars_after_the_end_change_nothing(tmp_path: Path) -> None:
    other = pl.concat([BARS[:1_200], walk(1_500, seed=9)[1_200:]])
    end = "2022-02-19T23:00"  # 1,199 hours after the start
    first, second = (trained(tmp_path, bars={"1h": bars}, end=end) for bars in (BARS, other))
    assert same(first, second)
    assert first.metadata.label_ends == second.metadata.label_ends


def test_bars_before_the_start_warm_up_and_are_not_trained_on(tmp_path: Path) -> None:
    result = trained(tmp_path, start="2022-01-21")
    start = START_NS + 20 * NS_PER_DAY
    assert result.metadata.training_span is not None and result.metadata.training_span.start_ns == start
    assert result.metadata.in_sample is not None and (result.metadata.in_sample.start_ns or 0) >= start
    assert not [note for note in result.warnings if "history" in note]


def test_too_little_history_before_the_start_is_a_warning(tmp_path: Path) -> None:
    """rsi 14 needs 109 bars: 15 + 94 to settle."""
    result = trained(tmp_path)
    assert "EURUSD: too little history before the start, training begins at 2022-01-05T12:00:00Z" in result.warnings


def test_dates_come_from_the_strategy_unless_given(tmp_path: Path) -> None:
    strategy = file()
    strategy["training_data"]["date_range"] = {"start": "2022-01-11", "end": "2022-02-20"}
    day = NS_PER_DAY
    result = trained(tmp_path, strategy)
    assert result.metadata.training_span == Span(START_NS + 10 * day, START_NS + 51 * day)
    given = trained(tmp_path, strategy, end="2022-02-10")
    assert given.metadata.training_span == Span(START_NS + 10 * day, START_NS + 41 * day)


# --- what is learned from ---------------------------------------------------------------------------------------------

RAW = {
    "indicators": {"rsi_14": {"type": "rsi"}, "ma": {"type": "sma", "period": 5}},
    "nn_inputs": [
        {"fuzzy_set": "rsi"},
        {"raw_indicator": "ma", "normalization": "zscore"},
    ],
}  # fmt: skip


def samples(strategy: Mapping[str, Any], *series: BarSeries) -> Any:
    loaded = load_strategy(strategy)
    matrices = [build_features(loaded, MemoryBars.of({"1h": one}, one.symbol), one.symbol, Span()) for one in series]
    return loaded, matrices, make_samples(loaded, matrices)


def test_rows_hold_their_own_label_and_normalisation_sees_training_rows_only() -> None:
    series = BarSeries.from_frame(BARS, "EURUSD", Timeframe.H1)
    loaded, (matrix,), made = samples(file(**RAW), series)
    truth = labels(file(), "EURUSD", bars={"1h": BARS})
    rows = made.task.train.last.numpy()
    assert truth["label"].gather(rows).to_list() == made.task.train.target.tolist()
    column = loaded.feature_names.index("1h_ma_raw")
    raw = matrix.raw[column][rows]
    known = made.task.table.numpy()[rows, column]
    np.testing.assert_allclose(known, (raw - raw.mean()) / raw.std(), rtol=1e-4, atol=1e-5)


def test_a_hole_in_the_features_drops_every_window_over_it() -> None:
    assert whole_windows(np.array([1, 1, 0, 1, 1, 1], bool), 3).tolist() == [False] * 5 + [True]
    assert whole_windows(np.array([1, 1], bool), 3).tolist() == [False, False]
    assert whole_windows(np.array([1, 0, 1], bool), 1).tolist() == [True, False, True]


def test_warm_up_rows_are_not_trained_on() -> None:
    series = BarSeries.from_frame(BARS, "EURUSD", Timeframe.H1)
    _, (matrix,), made = samples(file(), series)
    assert matrix.first_simulated == 108  # rsi 14: lookback 14 + settle 94
    assert int(made.task.train.last.min()) >= 108


def test_symbols_follow_each_other_and_share_edges_and_normalisation() -> None:
    one = BarSeries.from_frame(BARS, "AAA", Timeframe.H1)
    two = BarSeries.from_frame(walk(1_000, seed=8), "BBB", Timeframe.H1)
    loaded, matrices, made = samples(file(**RAW), one, two)
    train = made.task.train.last.numpy()
    assert (np.diff(train) > 0).all()
    # 1,500 stamps in the union: validation begins at 1,050, so all 1,000 bars of BBB are before it
    assert np.count_nonzero(train >= 1_500) > 800
    assert int(made.task.validation.last.max()) < 1_500
    column = loaded.feature_names.index("1h_ma_raw")
    pooled = np.concatenate([matrix.raw[column] for matrix in matrices])[train]
    assert made.normalization["1h_ma_raw"]["shift"] == pytest.approx(pooled.mean(), rel=1e-12)


def test_a_window_never_reaches_into_another_symbol() -> None:
    one = BarSeries.from_frame(BARS, "AAA", Timeframe.H1)
    two = BarSeries.from_frame(walk(1_000, seed=8), "BBB", Timeframe.H1)
    _, _, made = samples(file("lstm"), one, two)
    train = made.task.train.last.numpy()
    assert train[train >= 1_500].min() >= 1_500 + 108 + 4


def test_a_regression_target_has_deviation_one() -> None:
    series = BarSeries.from_frame(BARS, "EURUSD", Timeframe.H1)
    _, _, made = samples(file("mlp", "regression", RETURNS), series)
    close = BARS["close"].to_numpy()
    rows = made.task.train.last.numpy()
    returns = close[rows + 5] / close[rows] - 1
    assert made.task.target_scale == pytest.approx(returns.std(), rel=1e-12)
    np.testing.assert_allclose(made.task.train.target.numpy() * made.task.target_scale, returns, rtol=1e-5)


def test_weights_multiply_and_average_to_one() -> None:
    series = BarSeries.from_frame(BARS, "EURUSD", Timeframe.H1)
    weighed = {"labels": {"source": "triple_barrier", "compute_weights": True}}
    _, _, plain = samples(file(training=BARRIER), series)
    _, _, unique = samples(file(training=weighed), series)
    _, _, both = samples(file(training={**weighed, "class_weights": True}), series)
    _, _, classes = samples(file(training={**BARRIER, "class_weights": True}), series)
    assert plain.task.train.weight.unique().tolist() == [1.0]
    assert float(unique.task.train.weight.mean()) == pytest.approx(1.0, rel=1e-5)
    assert float(unique.task.train.weight.std()) > 0.01
    np.testing.assert_allclose(both.task.train.weight, unique.task.train.weight * classes.task.train.weight, rtol=1e-5)
    assert unique.task.validation.weight.unique().tolist() == [1.0]
    assert len(classes.task.validation.weight.unique()) == 3


def test_warnings_name_what_to_doubt(tmp_path: Path) -> None:
    # a market that only rises has no SELL leg; 2 % legs are few in 1,500 hours
    rising = walk(1_500, volatility=0.0005).with_columns(
        [(pl.col(name) * (1 + pl.int_range(pl.len()) * 0.001)).alias(name) for name in ("open", "high", "low", "close")]
    )  # fmt: skip
    result = trained(tmp_path, file(training=BARRIER), bars={"1h": rising})
    assert "class SELL has no training rows" in result.warnings
    slow = file("mlp", "regression", {"labels": {"source": "forward_return", "horizon": 60}})
    few = trained(tmp_path, slow)
    assert "test: only 3 label spans that do not overlap, in 150 rows" in few.warnings
    assert few.metrics["label_spans"]["test"] == 3


def test_a_set_that_no_bar_meets_is_a_warning() -> None:
    sets = {"level": {"indicator": "rsi_14", "low": [0, 30, 50], "never": [101, 120, 140], "high": [50, 70, 100]}}
    series = BarSeries.from_frame(BARS, "EURUSD", Timeframe.H1)
    notes = samples(file(fuzzy_sets=sets, nn_inputs=[{"fuzzy_set": "level"}]), series)[2].warnings
    assert [note for note in notes if "feature" in note] == [
        "feature 1h_level_never is 0 on every bar of the training span"
    ]
    assert not [note for note in samples(file(), series)[2].warnings if "feature" in note]


def test_targets_that_are_all_the_same_are_a_warning(tmp_path: Path) -> None:
    far = {"labels": {"source": "triple_barrier", "profit_target_atr": 500, "stop_loss_atr": 500}}
    series = BarSeries.from_frame(BARS, "EURUSD", Timeframe.H1)
    notes = samples(file(training=far), series)[2].warnings
    assert "every training row is of the class HOLD: there is nothing to learn" in notes
    still = BARS.with_columns([pl.lit(1.0).alias(name) for name in ("open", "high", "low", "close")])
    flat = file("mlp", "regression", {"labels": {"source": "forward_return", "horizon": 5}})
    notes = samples(flat, BarSeries.from_frame(still, "EURUSD", Timeframe.H1))[2].warnings
    assert "every training target is the same: there is nothing to learn" in notes


def test_pooled_prices_are_a_warning() -> None:
    one = BarSeries.from_frame(BARS, "AAA", Timeframe.H1)
    two = BarSeries.from_frame(walk(1_500, seed=8), "BBB", Timeframe.H1)
    assert [note for note in samples(file(**RAW), one, two)[2].warnings if "ma" in note] == [
        "raw input ma is in price units and pooled over 2 symbols"
    ]
    assert not [note for note in samples(file(**RAW), one)[2].warnings if "price" in note]
    assert not [note for note in samples(file(), one, two)[2].warnings if "price" in note]
    relative = {**RAW, "nn_inputs": [{"raw_indicator": "ma", "normalization": "relative"}]}
    assert not [note for note in samples(file(**relative), one, two)[2].warnings if "price" in note]


# --- every key has an effect ------------------------------------------------------------------------------------------

SGD = {"optimizer": "sgd", "learning_rate": 0.1}
PLATEAU = {"learning_rate": 0.3, "epochs": 8}
CLOSE = {"source": "triple_barrier", "vol_method": "close", "vol_span": 20}
KEYS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "epochs": ("classification", {}, {"epochs": 1}),
    "batch_size": ("classification", {}, {"batch_size": 63}),
    "learning_rate": ("classification", {}, {"learning_rate": 0.011}),
    "optimizer adamw": ("classification", {"weight_decay": 0.1}, {"optimizer": "adamw", "weight_decay": 0.1}),
    "optimizer sgd": ("classification", {}, {"optimizer": "sgd"}),
    "weight_decay": ("classification", {}, {"weight_decay": 0.0}),
    "weight_decay of a regression": ("regression", RETURNS, RETURNS | {"weight_decay": 1e-4}),
    "loss focal": ("classification", {}, {"loss": "focal"}),
    "focal_gamma": ("classification", {"loss": "focal"}, {"loss": "focal", "focal_gamma": 1.0}),
    "loss mse": ("regression", RETURNS, RETURNS | {"loss": "mse"}),
    "huber_delta": ("regression", RETURNS, RETURNS | {"huber_delta": 0.005}),
    "gradient_clip": ("classification", SGD, SGD | {"gradient_clip": 0.01}),
    "lr_scheduler": (
        "classification", PLATEAU, PLATEAU | {"lr_scheduler": {"type": "reduce_on_plateau", "patience": 0}},
    ),
    "plateau factor": (
        "classification", PLATEAU | {"lr_scheduler": {"type": "reduce_on_plateau", "patience": 0}},
        PLATEAU | {"lr_scheduler": {"type": "reduce_on_plateau", "patience": 0, "factor": 0.1}},
    ),
    "plateau patience": (
        "classification", PLATEAU | {"lr_scheduler": {"type": "reduce_on_plateau", "patience": 0}},
        PLATEAU | {"lr_scheduler": {"type": "reduce_on_plateau", "patience": 1}},
    ),
    "lr_scheduler step": ("classification", {}, {"lr_scheduler": {"type": "step", "step_size": 1}}),
    "step gamma": (
        "classification", {"lr_scheduler": {"type": "step", "step_size": 1}},
        {"lr_scheduler": {"type": "step", "step_size": 1, "gamma": 0.9}},
    ),
    "class_weights": ("classification", {}, {"class_weights": True}),
    "seed": ("classification", {}, {"seed": 2}),
    "data_split": ("classification", {}, {"data_split": {"train": 0.6, "validation": 0.2, "test": 0.2}}),
    "validation_split": ("classification", {}, {"validation_split": 0.25}),
    "labels.source": ("classification", {}, BARRIER),
    "zigzag_threshold": ("classification", {}, {"labels": {"source": "zigzag", "zigzag_threshold": 0.02}}),
    "horizon": ("regression", RETURNS, {"labels": {"source": "forward_return", "horizon": 6}}),
    "profit_target_atr": ("classification", BARRIER, {"labels": {"source": "triple_barrier", "profit_target_atr": 1}}),
    "pt_multiplier": ("classification", BARRIER, {"labels": {"source": "triple_barrier", "pt_multiplier": 1}}),
    "stop_loss_atr": ("classification", BARRIER, {"labels": {"source": "triple_barrier", "stop_loss_atr": 1}}),
    "sl_multiplier": ("classification", BARRIER, {"labels": {"source": "triple_barrier", "sl_multiplier": 1}}),
    "max_holding_bars": ("classification", BARRIER, {"labels": {"source": "triple_barrier", "max_holding_bars": 6}}),
    "max_holding_period": (
        "classification", BARRIER, {"labels": {"source": "triple_barrier", "max_holding_period": 6}},
    ),
    "atr_period": ("classification", BARRIER, {"labels": {"source": "triple_barrier", "atr_period": 5}}),
    "vol_method": ("classification", BARRIER, {"labels": CLOSE}),
    "vol_span": ("classification", {"labels": CLOSE}, {"labels": CLOSE | {"vol_span": 50}}),
    "compute_weights": ("classification", BARRIER, {"labels": {"source": "triple_barrier", "compute_weights": True}}),
}  # fmt: skip


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, dict[str, Any]], dict[str, torch.Tensor]]:
    """The weights a training section leads to; each trained once."""
    folder = tmp_path_factory.mktemp("keys")
    known = {}

    def train_once(output_format: str, training: dict[str, Any]) -> dict[str, torch.Tensor]:
        key = json.dumps([output_format, training], sort_keys=True)
        if key not in known:
            known[key] = weights(trained(folder, file("mlp", output_format, training)))
        return known[key]

    return train_once


@pytest.mark.parametrize("name", KEYS)
def test_every_key_changes_the_net(name: str, net: Callable[[str, dict[str, Any]], dict[str, torch.Tensor]]) -> None:
    output_format, before, after = KEYS[name]
    one = net(output_format, before)
    two = net(output_format, after)
    assert not all(torch.equal(one[weight], two[weight]) for weight in one)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"early_stopping": {"patience": 2}}),
        ({"early_stopping": {"patience": 1}}, {"early_stopping": {"patience": 6}}),
        ({"early_stopping": {"patience": 3}}, {"early_stopping": {"patience": 3, "min_delta": 0.5}}),
        ({"early_stopping": {"patience": 1}}, {"early_stopping": {"patience": 1, "enabled": False}}),
    ],
    ids=["early_stopping", "patience", "min_delta", "enabled"],
)
def test_early_stopping_changes_when_training_ends(before: Any, after: Any, tmp_path: Path) -> None:
    long = {"epochs": 25, "learning_rate": 0.3}
    one, two = (trained(tmp_path, file(training=long | keys)) for keys in (before, after))
    assert len(one.history) != len(two.history)


def test_a_seed_given_wins_over_the_files(tmp_path: Path) -> None:
    assert same(trained(tmp_path / "one", file(training={"seed": 2})), trained(tmp_path / "two", seed=2))
    without = file()
    del without["training"]["seed"]
    assert same(trained(tmp_path / "one", without), trained(tmp_path / "two", seed=0))


def test_the_older_place_of_the_keys_counts(tmp_path: Path) -> None:
    strategy = file()
    section = strategy.pop("training")
    strategy["model"]["training"] = section
    assert same(trained(tmp_path / "one", strategy), trained(tmp_path / "two"))


# --- labels on their own ----------------------------------------------------------------------------------------------


def test_labels_are_a_frame_a_researcher_can_read() -> None:
    frame = labels(file(), "EURUSD", "1h", bars={"1h": BARS})
    assert frame.columns == ["timestamp", "label", "end"]
    assert frame["timestamp"].equals(BARS["timestamp"])
    assert set(frame["label"].drop_nulls().to_list()) == {0, 1, 2}
    known = frame.drop_nulls()
    assert (known["end"] > known["timestamp"]).all()
    assert frame["label"].is_null().equals(frame["end"].is_null())


def test_targets_are_returns() -> None:
    frame = labels(
        file("mlp", "regression", RETURNS), "EURUSD", bars={"1h": BARS}, start="2022-01-02", end="2022-01-03"
    )
    assert frame.columns == ["timestamp", "target", "end"]
    assert len(frame) == 48 and frame["target"].null_count() == 5
    close = BARS["close"]
    assert frame["target"][0] == close[29] / close[24] - 1
    assert frame["end"][0] == BARS["timestamp"][29]


def test_real_euros_have_as_few_legs_as_measured(real_data: Path) -> None:
    """zigzag 0.02 on EURUSD 1h 2022-2023: 26, 1 and 3 legs; the first pivot of all is a span of its own."""
    bars = pl.read_parquet(real_data / "EURUSD_1h.parquet")
    loaded = load_strategy(file(training={"labels": {"source": "zigzag", "zigzag_threshold": 0.02}}))
    span = Span.parse("2022-01-01", "2023-12-31")
    made = make_samples(loaded, [build_features(loaded, MemoryBars.of({"1h": bars}, "EURUSD"), "EURUSD", span)])
    assert dict(made.span_counts) == {"train": 27, "validation": 1, "test": 3}
    assert len(made.warnings) == 2


# --- refusals ---------------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[str, str, dict[str, Any] | None, dict[str, Any]]] = {
    "context labels": ("label_not_supported", "context", {"labels": {"source": "context"}}, {}),
    "regime labels": ("label_not_supported", "regime", {"labels": {"source": "regime"}}, {}),
    "no label at all": ("labels_empty", "train split", {"labels": {"source": "zigzag", "zigzag_threshold": 0.9}}, {}),
    "too short for a test": ("labels_empty", "split", None, {"end": "2022-01-06"}),
    "a horizon beyond the parts": (
        "labels_empty", "validation split",
        {"labels": {"source": "triple_barrier", "max_holding_bars": 300, "pt_multiplier": 90, "sl_multiplier": 90}}, {},
    ),
    "diverging": (
        "training_diverged", "learning rate 1e+38",
        {"learning_rate": 1e38, "optimizer": "sgd", "gradient_clip": 1e30}, {},
    ),
    "no bars there": ("data_empty", "range", None, {"start": "2030-01-01"}),
    "series missing": ("data_not_found", "1h", None, {"bars": None}),
    "another timeframe": ("argument_invalid", "1h", None, {"timeframe": "4h"}),
    "unknown timeframe": ("argument_invalid", "timeframe", None, {"timeframe": "7h"}),
    "no such device": ("argument_invalid", "device", None, {"device": "abacus"}),
    "no threads": ("argument_invalid", "threads", None, {"threads": 0}),
    "negative seed": ("argument_invalid", "seed", None, {"seed": -1}),
    "end before start": ("argument_invalid", "end", None, {"start": "2022-02-01", "end": "2022-01-01"}),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_training_that_cannot_be_is_refused_and_writes_nothing(name: str, tmp_path: Path) -> None:
    code, part, training, options = BAD[name]
    with pytest.raises(KtrdrError) as caught:
        trained(tmp_path, file(training=training), **options)
    assert caught.value.code == code
    assert part in str(caught.value) and "\n" not in str(caught.value)
    assert ModelStorage(tmp_path / "models").models() == []


def test_synthetic_and_real_symbols_do_not_mix(tmp_path: Path) -> None:
    store = Repository(tmp_path)
    for symbol, synthetic in (("AAA", True), ("BBB", False)):
        store.store(BarSeries.from_frame(BARS, symbol, Timeframe.H1, Provenance(synthetic=synthetic)))
    strategy = file()
    strategy["training_data"]["symbols"] = {"mode": "multi_symbol", "list": ["AAA", "BBB"]}
    with pytest.raises(KtrdrError) as caught:
        trained(tmp_path, strategy, bars=None)
    assert caught.value.code == "data_mixed"
    with pytest.raises(ArgumentInvalid, match="one symbol"):
        trained(tmp_path, strategy)


def test_a_data_folder_that_cannot_be_written_is_found_out_first(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(KtrdrError) as caught:
        trained(tmp_path)
    assert caught.value.code == "output_not_writable"
    assert str(tmp_path) not in str(caught.value)


def test_a_cancelled_training_leaves_nothing(tmp_path: Path) -> None:
    class Cancel:
        def is_cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        trained(tmp_path, cancellation_token=Cancel())
    assert [path for path in (tmp_path / "models").rglob("*") if path.is_file()] == []


def test_looking_at_stored_models_needs_no_torch(tmp_path: Path) -> None:
    trained(tmp_path)
    code = f"""
import sys
from pathlib import Path
from ktrdr.neural.storage import ModelStorage
assert [model.id for model in ModelStorage(Path({str(tmp_path)!r}) / "models").models()] == ["tiny/1h_v1"]
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)

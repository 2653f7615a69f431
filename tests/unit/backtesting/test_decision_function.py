"""Scores to signals, and one bar to one decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ktrdr.backtesting.decision_function import DecisionFunction, Signal, stamp_ns
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.feature_cache import FeatureCache
from ktrdr.backtesting.inputs.model_bundle import ModelBundle, choose_bundle
from ktrdr.errors import KtrdrError
from ktrdr.strategy.rules import DecisionRules, Filters
from support.inputs import worlds

HOUR_NS = worlds.HOUR_NS
CLASSES = DecisionFunction("classification", 0.0, DecisionRules(), allow_short=True)
RETURNS = DecisionFunction("regression", 0.0015, DecisionRules(), allow_short=True)


def test_classes_are_the_first_maximum_of_a_softmax_in_float32() -> None:
    scores = np.random.default_rng(7).normal(0, 3, (4_097, 3)).astype(np.float32)
    signals, confidence = CLASSES.batch(scores)
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    best = scores.argmax(axis=1)
    assert signals.dtype == np.int8
    assert confidence.dtype == np.float32
    assert np.array_equal(signals, 1 - best)
    np.testing.assert_allclose(confidence, (shifted / shifted.sum(axis=1, keepdims=True)).max(axis=1), rtol=3e-7)


@pytest.mark.parametrize(
    ("row", "signal", "confidence"),
    [
        ([0, 0, 0], 1, 1 / 3),
        ([0, 5, 5], 0, 0.498326),
        ([-200, -200, 200], -1, 1.0),
        ([3e38, -3e38, 0], 1, 1.0),
    ],
)
def test_ties_and_extremes(row: list[float], signal: int, confidence: float) -> None:
    signals, found = CLASSES.batch(np.array([row], np.float32))
    assert signals.tolist() == [signal]
    assert found[0] == pytest.approx(confidence, rel=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_score_that_is_not_finite_is_undefined(bad: float, column: int) -> None:
    scores = np.zeros((2, 3), np.float32)
    scores[0, column] = bad
    signals, confidence = CLASSES.batch(scores)
    assert signals.tolist() == [0, 1]
    assert np.isnan(confidence).tolist() == [True, False]


@pytest.mark.parametrize(
    ("predicted", "signal", "confidence"),
    [
        (0.0016, 1, 0.0016 / 0.0045),
        (-0.0016, -1, 0.0016 / 0.0045),
        (0.0014, 0, 0.0014 / 0.0045),
        (0.0, 0, 0.0),
        (0.5, 1, 1.0),
    ],
)
def test_a_return_must_clear_the_edge(predicted: float, signal: int, confidence: float) -> None:
    signals, found = RETURNS.batch(np.array([[predicted]], np.float32))
    assert signals.tolist() == [signal]
    assert found[0] == pytest.approx(confidence, rel=1e-5)


def test_a_return_exactly_at_the_edge_does_not_clear_it() -> None:
    edge = float(np.float32(0.0015))
    exact = DecisionFunction("regression", edge, DecisionRules(), allow_short=True)
    assert exact.batch(np.array([[edge], [-edge]], np.float32))[0].tolist() == [0, 0]


def test_an_undefined_return_is_undefined() -> None:
    signals, confidence = RETURNS.batch(np.array([[np.nan], [np.inf]], np.float32))
    assert signals.tolist() == [0, 0]
    assert np.isnan(confidence).all()


@pytest.fixture(scope="module")
def single(data_dir: Path, config_of: Callable[..., BacktestConfig]) -> Callable[..., Any]:
    """One bar's decision with the untrained MLP and the rules given."""
    bundle = ModelBundle.load(data_dir / "models" / "walker_mlp" / "1h_v1")
    allow_short = config_of().strategy.execution.allow_short
    features = dict(zip(bundle.metadata.resolved_features, [0.9, 0.1, 0.0, 0.0, 0.8, -1.5], strict=True))

    def decide(rules: DecisionRules, position: int = 0, last: Any = None, features: Any = features) -> Any:
        function = DecisionFunction("classification", 0.0, rules, allow_short, bundle)
        return function(features, position, {"timestamp": 100 * HOUR_NS, "index": 5}, last)

    return decide


OPEN = DecisionRules(confidence_threshold=0.0, allow_short_from_flat=True, filters=Filters(min_signal_separation=4.0))


def test_one_bar_goes_through_the_same_filters(single: Callable[..., Any]) -> None:
    free = single(OPEN)
    side = free.raw_signal
    assert side != Signal.HOLD, "the fixture's features must make the net want something"
    assert (free.signal, free.reason) == (side, "traded")
    assert free.timestamp == 100 * HOUR_NS

    same = single(OPEN, position=int(side))
    assert (same.signal, same.reason) == (Signal.HOLD, "position")
    against = single(OPEN, position=-int(side))
    assert against.signal == side

    soon = single(OPEN, last=97 * HOUR_NS)
    assert (soon.signal, soon.reason) == (Signal.HOLD, "separation")
    late = single(OPEN, last=96 * HOUR_NS)
    assert late.signal == side

    sure = OPEN.model_copy(update={"confidence_threshold": 1.0})
    assert single(sure).reason == "threshold"


def test_one_bar_without_a_feature_is_undefined(single: Callable[..., Any], data_dir: Path) -> None:
    names = ModelBundle.load(data_dir / "models" / "walker_mlp" / "1h_v1").metadata.resolved_features
    decision = single(OPEN, features=dict.fromkeys(names, np.nan))
    assert (decision.signal, decision.reason) == (Signal.HOLD, "undefined")
    assert np.isnan(decision.confidence)
    with pytest.raises(KtrdrError, match="a feature is missing") as caught:
        single(OPEN, features={})
    assert caught.value.code == "argument_invalid"


def test_short_from_flat_is_its_own_reason(single: Callable[..., Any], data_dir: Path) -> None:
    names = ModelBundle.load(data_dir / "models" / "walker_mlp" / "1h_v1").metadata.resolved_features
    random = np.random.default_rng(1)
    closed = OPEN.model_copy(update={"allow_short_from_flat": False})
    rows = [dict(zip(names, random.uniform(-3, 3, len(names)), strict=True)) for _ in range(200)]
    short = next(row for row in rows if single(OPEN, features=row).raw_signal == Signal.SELL)
    assert single(OPEN, features=short).reason == "traded"
    assert single(closed, features=short).reason == "short"
    assert single(closed, features=short, position=1).reason == "traded"


@pytest.mark.parametrize("kind", worlds.KINDS)
def test_bar_by_bar_it_decides_what_the_whole_run_decided(kind: str, config_of: Callable[..., BacktestConfig]) -> None:
    """Fed with the row's features, the position and the last fill of the run, to the last bit of confidence."""
    config = config_of(kind, 700)
    results = BacktestingEngine(config).run()
    bundle = choose_bundle(config, start_ns=worlds.FIRST_NS, synthetic=False)
    features = FeatureCache(config).of(bundle)
    decide = DecisionFunction.of(config.strategy, bundle)
    length = config.strategy.sequence_length
    stamps = features.base.timestamp
    quantity = results.equity["quantity"].to_numpy()
    fills = results.fills
    rows = results.decisions.rows(named=True)
    assert len({row["decision"] for row in rows}) >= 3
    for number, row in enumerate(rows[:-1]):
        bar = row["bar"]
        before = fills.filter(fills["bar"] <= bar)["time"]
        decision = decide(
            features.values[bar - length + 1 : bar + 1],
            int(np.sign(quantity[number])),
            {"timestamp": int(stamps[bar]), "index": bar},
            None if before.is_empty() else before[-1],
        )
        assert decision.reason == row["decision"], row
        assert decision.raw_signal == row["raw_signal"]
        assert np.float32(decision.confidence) == np.float32(row["confidence"])


@pytest.mark.parametrize(
    "moment",
    [
        1_709_251_200_000_000_000,
        datetime(2024, 3, 1, tzinfo=UTC),
        pd.Timestamp("2024-03-01", tz="UTC"),
        np.datetime64("2024-03-01"),
    ],
)
def test_a_stamp_may_come_in_any_of_the_usual_clothes(moment: Any) -> None:
    assert stamp_ns(moment) == 1_709_251_200_000_000_000


def test_a_stamp_without_a_zone_is_refused() -> None:
    with pytest.raises(KtrdrError) as caught:
        stamp_ns(datetime(2024, 3, 1))
    assert caught.value.code == "data_no_timezone"


def test_a_stamp_keeps_its_nanoseconds() -> None:
    assert stamp_ns(pd.Timestamp(1_709_251_200_123_456_789, tz="UTC")) == 1_709_251_200_123_456_789

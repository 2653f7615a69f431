"""The numbers of a verdict: trials that count, and test rows that hold no bar of the fit and none of the future."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ktrdr
from ktrdr.analysis.doubt import Trials, logged_beside, trials_among
from ktrdr.backtesting.results import BacktestResults
from ktrdr.control import NeverCancelled, SilentBridge
from ktrdr.data.store.repository import Repository
from ktrdr.neural.bundle import ModelBundle
from ktrdr.operations import run
from ktrdr.operations.store.store import Store
from ktrdr.research.evidence import SelectionRows, in_sample_results, moments_of, positions_of, selection_rows
from ktrdr.strategy.loader import load_strategy
from support.inputs import edges, worlds

SPAN = {"start": "2024-01-01", "end": "2024-03-31"}
LATER = {"start": "2024-04-02", "end": "2024-04-30"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return edges.furnish(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="module")
def bundle(folder: Path) -> ModelBundle:
    strategy = edges.strategy(training={**edges.STRATEGY["training"], "epochs": 1})
    return ModelBundle.load(ktrdr.train(strategy, **SPAN, threads=1, data_dir=folder).path)


def counted(store: Store, result: BacktestResults) -> Trials:
    return trials_among(result, logged_beside(store, result, upto=result.manifest["operation"]))


def rows(folder: Path, bundle: ModelBundle, **rules: Any) -> SelectionRows:
    return selection_rows(
        load_strategy(edges.strategy(**rules)),
        bundle,
        Repository(folder),
        edges.SYMBOL,
        threads=1,
        resample=False,
        bridge=SilentBridge(),
        token=NeverCancelled(),
    )


def test_the_test_rows_begin_after_the_fit_and_end_with_the_training_span(folder: Path, bundle: ModelBundle) -> None:
    found = rows(folder, bundle)
    facts = bundle.metadata
    assert facts.selection is not None
    assert facts.training_span is not None
    bars = edges.frame(3_000, 0.002, 3)
    opens = bars["open"].to_numpy()
    stamps = bars["timestamp"].to_numpy().astype(np.int64)
    first, stop = np.searchsorted(stamps, [facts.selection.start_ns, facts.training_span.end_ns])
    expected = np.log(opens[first + 2 : stop] / opens[first + 1 : stop - 1])
    assert found.returns.tolist() == pytest.approx(expected.tolist())
    assert len(found.signals) == stop - first - 2  # the last two bars have no later open in the span
    assert set(found.signals.tolist()) <= {-1, 0, 1}


@pytest.mark.parametrize(
    ("rules", "sells"),
    [
        ({"decisions": {"allow_short_from_flat": True}}, -1),
        ({"decisions": {"allow_short_from_flat": False}}, 0),
        ({"decisions": {"allow_short_from_flat": False}, "execution": {"on_opposite": "reverse"}}, -1),
        ({"decisions": {"allow_short_from_flat": True}, "execution": {"allow_short": False}}, 0),
        ({"execution": {"on_opposite": "reverse", "allow_short": False}}, 0),
    ],
)
def test_a_sell_counts_where_it_can_open_a_short(rules: dict[str, Any], sells: int) -> None:
    strategy = load_strategy(edges.strategy(**rules))
    sure = np.full(3, 0.9, np.float32)
    assert positions_of(strategy, np.array([1, -1, 0], np.int8), sure).tolist() == [1, sells, 0]


def test_a_signal_counts_from_the_threshold_on() -> None:
    strategy = load_strategy(edges.strategy(decisions={"confidence_threshold": 0.6, "allow_short_from_flat": True}))
    threshold = np.float32(0.6)
    confidence = np.array([threshold, np.nextafter(threshold, np.float32(0)), np.nan, 0.9], np.float32)
    assert positions_of(strategy, np.array([1, 1, 0, -1], np.int8), confidence).tolist() == [1, 0, 0, -1]


def test_a_regression_may_always_sell_short_where_shorts_are_allowed() -> None:
    file = worlds.strategy("regression")
    sure = np.full(1, 0.01, np.float32)
    sells = np.array([-1], np.int8)
    assert positions_of(load_strategy(file), sells, sure).tolist() == [-1]
    assert positions_of(load_strategy(file | {"execution": {"allow_short": False}}), sells, sure).tolist() == [0]


def test_the_gate_sees_the_signals_that_the_strategy_trades(folder: Path, bundle: ModelBundle) -> None:
    every = {"decisions": {"confidence_threshold": 0.0, "allow_short_from_flat": True}}
    both = rows(folder, bundle, **every)
    long_only = rows(folder, bundle, **every, execution={"allow_short": False})
    assert long_only.given == both.given == np.count_nonzero(both.signals)
    assert (both.signals < 0).any()
    assert long_only.signals.tolist() == np.maximum(both.signals, 0).tolist()


def test_the_bars_of_the_fit_are_the_span_of_the_in_sample_result(folder: Path, bundle: ModelBundle) -> None:
    found = in_sample_results(
        load_strategy(edges.strategy()), bundle, edges.SYMBOL, data_dir=folder, threads=1, resample=False,
        bridge=SilentBridge(), token=NeverCancelled(),
    )  # fmt: skip
    assert found is not None
    assert found.in_sample_bars == found.equity.height
    assert found.facts["selection_span"] is None


class TestTrials:
    @pytest.fixture
    def store(self, sqlite_url: str) -> Store:
        return Store.open(sqlite_url)

    def trial(self, store: Store, folder: Path, bundle: ModelBundle, capital: float, **span: Any) -> BacktestResults:
        return run(
            edges.strategy(), edges.SYMBOL, "1h", **(LATER | span), model=bundle.id, initial_capital=capital, threads=1,
            store=store, data_dir=folder,
        )  # fmt: skip

    def test_equal_runs_are_one_and_later_ones_do_not_count(
        self, store: Store, folder: Path, bundle: ModelBundle
    ) -> None:
        first = self.trial(store, folder, bundle, 1_000.0)
        self.trial(store, folder, bundle, 1_000.0)
        other = self.trial(store, folder, bundle, 2_000.0)
        elsewhere = self.trial(store, folder, bundle, 1_000.0, start="2024-03-01", end="2024-03-20")
        assert len(counted(store, first).sharpes) == 1
        assert len(counted(store, other).sharpes) == 2
        assert len(counted(store, elsewhere).sharpes) == 1
        moments = moments_of(first)
        assert moments is not None
        assert counted(store, first).sharpes == [moments.sharpe]

    def test_the_log_has_strategy_span_and_metrics(self, store: Store, folder: Path, bundle: ModelBundle) -> None:
        found = self.trial(store, folder, bundle, 1_000.0)
        [logged] = store.trials(edges.SYMBOL, "1h", 0, 2**62)
        facts = json.loads(json.dumps(logged.trial.facts))
        assert (logged.kind, logged.identity) == ("backtest", found.identity)
        assert facts["metrics"] == dict(found.metrics)
        assert facts["strategy_hash"] == found.manifest["parts"]["strategy"]
        assert (logged.trial.from_ns, logged.trial.until_ns) == (
            int(found.equity["time"].to_numpy()[0]), int(found.equity["time"].to_numpy()[-1]) + 3_600 * 10**9,
        )  # fmt: skip

"""Why a run traded: signals and probabilities are the ledger's, the parts add up, a changed input is refused."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

from ktrdr.analysis.explanation.decision import Decision
from ktrdr.analysis.explanation.explain import explain
from ktrdr.backtesting.results import BacktestResults
from ktrdr.data.store.repository import Repository
from ktrdr.errors import ArgumentInvalid, IdentityMismatch
from ktrdr.operations import run, stored_results
from ktrdr.operations.store.store import Store
from ktrdr.time import Timeframe
from support.inputs import worlds
from support.process.processes import furnish

SIGNALS = {"buy": 1, "hold": 0, "sell": -1}
STOPS = {"exits": {"stop_loss": {"rate": 0.004}}}


def ran(folder: Path, kind: str, store: Store) -> BacktestResults:
    return run(
        worlds.strategy(kind), "EURUSD", "1h", start="2024-01-20", execution=STOPS, store=store, data_dir=folder,
        threads=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("why"), 1_500, ("mlp", "lstm", "gru", "regression"))


@pytest.fixture(scope="module")
def store(folder: Path) -> Store:
    return Store.open(f"sqlite:///{folder / 'ktrdr.db'}")


@pytest.mark.parametrize("kind", ["mlp", "lstm", "gru", "regression"])
def test_a_run_says_why(folder: Path, store: Store, kind: str) -> None:
    result = ran(folder, kind, store)
    found = result.explain()
    said = {bar: (signal, sure) for bar, signal, sure, _ in result.decisions.iter_rows()}
    assert len(found.decisions) == 2 * result.trades.height > 20
    for one in found.decisions:
        signal, sure = said[one.bar]
        assert SIGNALS[one.signal] == signal
        if one.probabilities:
            assert one.probabilities[one.signal] == pytest.approx(sure, abs=1e-6)
            assert sum(one.probabilities.values()) == pytest.approx(1)
            assert one.margin == pytest.approx(sure - one.threshold, abs=1e-6)
        assert sum(each.attribution for each in one.inputs) == pytest.approx(one.difference, abs=1e-3)
        sizes = [abs(each.attribution) for each in one.inputs]
        assert sizes == sorted(sizes, reverse=True)
    entries = [one for one in found.decisions if one.event == "entry"]
    assert [one.bar + 1 for one in entries] == result.trades["entry_bar"].to_list()
    assert {one.cause for one in found.decisions} >= {"signal", "stop_loss"}
    again = stored_results(store, result.manifest["operation"]).explain([1], data_dir=folder)
    for one, other in zip(again.decisions, [one for one in found.decisions if one.trade == 1], strict=True):
        assert (one.said, one.state, one.time) == (other.said, other.state, other.time)
        # Sums over other batches of windows differ in their last bits.
        parts = {each.feature: each.attribution for each in other.inputs}
        assert {each.feature: each.attribution for each in one.inputs} == pytest.approx(parts, abs=1e-9)
    assert found.frame.height == len(found.decisions) * len(found.baseline)


def test_what_cannot_be_explained_is_refused(folder: Path, store: Store, tmp_path: Path) -> None:
    result = ran(folder, "mlp", store)
    with pytest.raises(ArgumentInvalid, match="no such trade"):
        result.explain([result.trades.height])
    with pytest.raises(ArgumentInvalid, match="without its inputs"):
        pickle.loads(pickle.dumps(result)).explain()
    other = furnish(tmp_path / "other", 1_500, ("mlp",))
    series = Repository(other)
    bars = series.load("EURUSD", Timeframe.H1).to_frame()
    bars.with_columns(close=bars["close"] * (1 + 1e-7 * (np.arange(bars.height) == 700))).write_parquet(
        series.path("EURUSD", Timeframe.H1)
    )
    with pytest.raises(IdentityMismatch) as caught:
        stored_results(store, result.manifest["operation"]).explain(data_dir=other)
    assert caught.value.part == "bars EURUSD 1h"


def test_a_run_without_trades_has_nothing_to_say(folder: Path, store: Store) -> None:
    result = ran(folder, "mlp", store)
    idle = dataclasses.replace(result)
    object.__setattr__(idle, "trades", result.trades.clear())
    assert explain(idle).decisions == ()
    assert isinstance(result.explain([0]).decisions[0], Decision)

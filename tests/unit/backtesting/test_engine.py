"""One path for every run: whole, stopped and continued, cancelled, saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ktrdr.backtesting.checkpoint import Checkpoint
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.performance import PerformanceTracker
from ktrdr.backtesting.position_manager import PositionManager
from ktrdr.errors import KtrdrError
from ktrdr.simulation.saved import Ledger, SavedRun
from support.inputs import worlds

ConfigOf = Callable[..., BacktestConfig]
LONG = {"mlp": 9_000, "regression": 9_000, "mtf": 9_000, "lstm": 1_500, "gru": 1_500}
"""Enough bars for at least three blocks."""


class Collect:
    """A checkpoint callback that saves after every block."""

    def __init__(self) -> None:
        self.saved: list[tuple[int, SavedRun]] = []

    def __call__(self, checkpoint: Checkpoint) -> None:
        self.saved.append((checkpoint.bar, checkpoint.save()))


class StopAfter:
    """A token that asks to stop once it has been asked ``questions`` times."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def is_cancelled(self) -> bool:
        self.left -= 1
        return self.left < 0


class StopAtBlock(StopAfter):
    """Stops at the end of that block, however often it is asked before the first one."""

    in_blocks = False

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        self.in_blocks = phase == "backtest"

    def is_cancelled(self) -> bool:
        return self.in_blocks and super().is_cancelled()


class Reports:
    """A bridge that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int | None, dict[str, Any]]] = []

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        self.seen.append((phase, done, total, dict(detail)))


@pytest.mark.parametrize("kind", worlds.KINDS)
def test_stopped_at_every_block_it_ends_on_the_same_bits(kind: str, config_of: ConfigOf) -> None:
    config = config_of(kind, LONG[kind])
    collect = Collect()
    whole = BacktestingEngine(config).run(checkpoint_callback=collect)
    assert whole.trades.height > 5
    assert len(collect.saved) >= 3
    for bar, saved in collect.saved:
        again = BacktestingEngine(config).run(resume=saved)
        assert again.result_hash == whole.result_hash, f"resumed at bar {bar}"
        assert again.equity.equals(whole.equity)
        assert again.decisions.equals(whole.decisions)
        assert again.identity == whole.identity
        assert saved.opened.identity.hex() == whole.identity


def test_a_run_stopped_many_times_in_a_row(config_of: ConfigOf) -> None:
    config = config_of("lstm", 1_500)
    whole = BacktestingEngine(config).run()
    saved: SavedRun | None = None
    stops = 0
    while True:
        collect = Collect()
        try:
            stop = StopAtBlock(1)
            last = BacktestingEngine(config).run(stop, stop, collect, saved)
        except KtrdrError as error:
            assert error.code == "cancelled"
            saved = collect.saved[-1][1]
            stops += 1
            continue
        break
    assert stops >= 2
    assert last.result_hash == whole.result_hash
    assert last.metrics == whole.metrics


def test_saving_changes_nothing(config_of: ConfigOf) -> None:
    config = config_of("gru", 900)
    assert BacktestingEngine(config).run(checkpoint_callback=Collect()).result_hash == (
        BacktestingEngine(config).run().result_hash
    )


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"seed": 2}, "bars EURUSD 1h"),
        ({"execution": {"commission": {"rate": 0.002}}}, "execution"),
        ({"decisions": {"confidence_threshold": 0.4}}, "decisions"),
        ({"initial_capital": 5_000.0}, "capital"),
        ({"threads": 1}, "profile"),
        ({"model": "another"}, "model"),
        ({"start": "2024-01-21"}, "bars EURUSD 1h"),
        ({"strategy": worlds.strategy("lstm", version="3.1")}, "strategy"),
    ],
)
def test_a_changed_input_is_refused_by_name(
    change: dict[str, Any], part: str, config_of: ConfigOf, tmp_path: Path
) -> None:
    if "model" in change:
        change = {"model": tmp_path / "models" / worlds.untrained(tmp_path, worlds.strategy("lstm"), seed=7)}
    collect = Collect()
    BacktestingEngine(config_of("lstm", 900)).run(checkpoint_callback=collect)
    other = config_of("lstm", 900, **change)
    with pytest.raises(KtrdrError) as caught:
        BacktestingEngine(other).run(resume=collect.saved[0][1])
    assert caught.value.code == ("profile_mismatch" if part == "profile" else "identity_mismatch")
    assert caught.value.part == part


def test_description_and_training_are_no_part_of_the_identity(config_of: ConfigOf) -> None:
    plain, described = (
        BacktestingEngine(config_of(strategy=worlds.strategy(**changes), n_bars=700)).run().identity
        for changes in ({}, {"description": "a walker", "training": {"epochs": 7}})
    )
    assert plain == described


def test_bars_appended_later_change_neither_identity_nor_result(config_of: ConfigOf) -> None:
    end = "2024-01-31"
    few, many = (BacktestingEngine(config_of(n_bars=n, end=end)).run() for n in (800, 1_500))
    assert few.identity == many.identity
    assert few.result_hash == many.result_hash
    assert few.equity["time"][-1].day == 31


def test_a_damaged_snapshot_is_refused(config_of: ConfigOf) -> None:
    saved: list[tuple[bytes, Ledger]] = []
    BacktestingEngine(config_of("lstm", 900)).run(
        checkpoint_callback=lambda checkpoint: saved.append((checkpoint.snapshot(), checkpoint.simulation.ledger()))
    )
    snapshot, ledger = saved[0]
    assert SavedRun.of(snapshot, ledger).opened.bar > 0
    with pytest.raises(KtrdrError) as caught:
        SavedRun.of(snapshot[:-3], ledger)
    assert caught.value.code == "snapshot_corrupt"


def test_cancel_while_loading_and_between_blocks(config_of: ConfigOf) -> None:
    collect = Collect()
    with pytest.raises(KtrdrError, match="before its first bar") as caught:
        BacktestingEngine(config_of("lstm")).run(None, StopAfter(0), collect)
    assert caught.value.code == "cancelled"
    assert collect.saved == []


def test_a_cancel_after_the_last_bar_is_too_late(config_of: ConfigOf) -> None:
    class Last:
        asked = False

        def is_cancelled(self) -> bool:
            return self.asked

    token = Last()

    def at_the_end(checkpoint: Checkpoint) -> None:
        token.asked = checkpoint.bar == checkpoint.total_bars

    assert BacktestingEngine(config_of("lstm", 900)).run(None, token, at_the_end).trades.height > 0


def test_progress_counts_bars_to_the_end(config_of: ConfigOf) -> None:
    reports = Reports()
    results = BacktestingEngine(config_of("lstm", 900)).run(reports)
    steps = [(done, total, detail) for phase, done, total, detail in reports.seen if phase == "backtest"]
    assert all(early[0] < late[0] for early, late in pairwise(steps))
    assert steps[-1][0] == steps[-1][1]
    assert steps[-1][2] == {"equity": results.final_equity, "trades": results.trades.height}


def test_the_views_show_what_the_core_holds(config_of: ConfigOf) -> None:
    seen: list[tuple[int, int, float]] = []

    def look(checkpoint: Checkpoint) -> None:
        position = PositionManager(checkpoint.simulation)
        assert position.is_flat == (position.direction == 0)
        tracker = PerformanceTracker(checkpoint.simulation)
        assert tracker.progress() == {"equity": tracker.equity, "trades": tracker.trades}
        assert tracker.metrics["trades"] == tracker.trades
        seen.append((checkpoint.bar - 1, position.direction, tracker.equity))

    results = BacktestingEngine(config_of("lstm", 1_500)).run(checkpoint_callback=look)
    for bar, direction, equity in seen[:-1]:
        row = results.equity.filter(pl.col("bar") == bar)
        assert row["equity"].item() == equity
        assert np.sign(row["quantity"].item()) == direction
    assert any(direction for _, direction, _ in seen)


def test_threads_leave_the_result_alone_but_not_the_identity(config_of: ConfigOf) -> None:
    one, two = (BacktestingEngine(config_of("lstm", 900, threads=threads)).run() for threads in (1, 2))
    assert one.result_hash == two.result_hash
    assert one.identity != two.identity


@pytest.mark.parametrize("kind", worlds.KINDS)
def test_no_decision_knows_the_future(kind: str, config_of: ConfigOf) -> None:
    """Cutting the run short changes no decision, fill or equity before the cut."""
    end = "2024-02-05"
    cut, whole = (BacktestingEngine(config_of(kind, 1_500, end=last)).run() for last in (end, None))
    rows = cut.decisions.height
    assert cut.decisions[:-1].equals(whole.decisions[: rows - 1])  # on its last bar an order is dropped
    assert cut.equity[:-1].equals(whole.equity[: rows - 1])


def test_an_atr_exit_gets_its_column_and_its_warm_up(config_of: ConfigOf) -> None:
    exits = {"exits": {"stop_loss": {"atr": 1.0}, "atr_period": 50}}
    results = BacktestingEngine(config_of(n_bars=1_500, execution=exits)).run()
    assert "stop_loss" in results.trades["exit_reason"].unique().to_list()
    assert results.manifest["rules"]["execution"]["exits"]["atr_period"] == 50

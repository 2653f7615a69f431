"""One bar at a time gives the ledger of a backtest over whole columns, for every sort of net."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr.data.store.repository import Repository
from ktrdr.decision.engine import DecisionEngine
from ktrdr.errors import ArgumentInvalid, ModelNotFound
from support.decision.replays import base_bars, engine, expected, furnished
from support.inputs import worlds


@pytest.mark.parametrize(("kind", "n_bars"), [("mlp", 500), ("mtf", 500), ("lstm", 320), ("regression", 320)])
def test_bar_by_bar_equals_the_backtest(tmp_path: Path, kind: str, n_bars: int) -> None:
    file = furnished(tmp_path, kind)
    want = expected(tmp_path, file, kind, n_bars)
    live = engine(tmp_path, file)
    bars = base_bars(n_bars)
    steps = [live.on_bar(bars.rows(row, row + 1)) for row in range(n_bars)]
    found = live.finish()
    assert found.fills.height > 10 and found.fills.equals(want.fills)
    assert found.result_hash == want.result_hash and found.identity == want.identity
    assert found.equity.equals(want.equity) and found.decisions.equals(want.decisions)
    assert sum(step is None for step in steps) == want.facts["warmup_bars"]
    fills = [fill.price for step in steps if step is not None for fill in step.fills]
    assert fills == want.fills["price"].to_list()


def test_stored_bars_before_the_feed_are_its_history(tmp_path: Path) -> None:
    file = furnished(tmp_path, "mtf")
    for timeframe, frame in worlds.bars(600, "mtf").items():
        frame.write_parquet(Repository(tmp_path).path("EURUSD", timeframe))
    first = worlds.frame(600)["timestamp"][400]
    want = expected(tmp_path, file, "mtf", 600, start=first)
    live = engine(tmp_path, file)
    bars = base_bars(600)
    steps = [live.on_bar(bars.rows(row, row + 1)) for row in range(400, 600)]
    assert steps[0] is not None
    found = live.finish()
    assert found.result_hash == want.result_hash and found.identity == want.identity


def test_a_start_within_the_feed_makes_what_is_before_it_history(tmp_path: Path) -> None:
    file = furnished(tmp_path)
    start = worlds.frame(300)["timestamp"][200]
    want = expected(tmp_path, file, "mlp", 300, start=start)
    live = engine(tmp_path, file, start=start)
    bars = base_bars(300)
    for row in range(300):
        live.on_bar(bars.rows(row, row + 1))
    assert live.finish().result_hash == want.result_hash


def test_a_held_run_continues_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    file = furnished(tmp_path, "mtf")
    want = expected(tmp_path, file, "mtf", 400)
    live = engine(tmp_path, file)
    bars = base_bars(400)
    for row in range(400):
        if row in (215, 216, 301):
            live = DecisionEngine("run", live.config, held=live.held())
        live.on_bar(bars.rows(row, row + 1))
    assert live.finish().result_hash == want.result_hash


def test_a_strategy_that_a_feed_cannot_bring_is_refused(tmp_path: Path) -> None:
    finer = {"mode": "multi_timeframe", "list": ["30m", "1h"], "base_timeframe": "1h"}
    data = worlds.strategy()["training_data"] | {"timeframes": finer}
    with pytest.raises(ArgumentInvalid, match="shorter ones: found 30m"):
        engine(tmp_path, worlds.strategy(training_data=data, metrics={"periods_per_year": 252}))
    with pytest.raises(ArgumentInvalid, match="periods_per_year"):
        engine(tmp_path, worlds.strategy())
    with pytest.raises(ModelNotFound):
        engine(tmp_path, worlds.strategy(metrics={"periods_per_year": 252}))
    live = engine(tmp_path, furnished(tmp_path))
    assert live.on_bar(base_bars(1)) is None
    with pytest.raises(ArgumentInvalid, match="warm-up is not done"):
        live.finish()

"""A fork continues from its parent's snapshot with other rules; from there on it is a run like any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ktrdr.backtesting.checkpoint import Checkpoint
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.errors import IdentityMismatch, KtrdrError
from ktrdr.simulation.saved import SavedRun
from support.inputs import worlds

ConfigOf = Callable[..., BacktestConfig]
DEAR = {"commission": {"rate": 0.01}}


class Collect:
    def __init__(self, parent: bytes | None = None) -> None:
        self.saved: list[SavedRun] = []
        self.parent = parent

    def __call__(self, checkpoint: Checkpoint) -> None:
        self.saved.append(replace(checkpoint.save(), parent=self.parent))


def forkable(config: BacktestConfig, block: int = 1) -> SavedRun:
    """Returns a saved run at the end of a block, as the beginning of a fork."""
    collect = Collect()
    BacktestingEngine(config).run(checkpoint_callback=collect)
    saved = collect.saved[block]
    return replace(saved, parent=saved.opened.lineage)


def test_the_past_stays_and_the_future_pays_the_new_costs(config_of: ConfigOf) -> None:
    begin = forkable(config_of("lstm", 1_500))
    bar = begin.opened.bar
    parent = BacktestingEngine(config_of("lstm", 1_500)).run()
    fork = BacktestingEngine(config_of("lstm", 1_500, execution=DEAR)).run(resume=begin)
    whole = BacktestingEngine(config_of("lstm", 1_500, execution=DEAR)).run()
    old, new = (result.fills.filter(result.fills["bar"] < bar) for result in (parent, fork))
    assert old.equals(new)
    later = fork.fills.filter(fork.fills["bar"] >= bar)
    assert later.height > 2
    rates = (later["commission"] / (later["price"] * later["quantity"])).to_list()
    assert rates == pytest.approx([0.01] * len(rates))
    assert len({parent.identity, fork.identity, whole.identity}) == 3
    assert fork.conventions["forked_from_bar"] == bar


def test_a_fork_stopped_at_every_block_ends_on_the_same_bits(config_of: ConfigOf) -> None:
    begin = forkable(config_of("lstm", 1_500))
    config = config_of("lstm", 1_500, execution=DEAR, decisions={"confidence_threshold": 0.36})
    collect = Collect(begin.parent)
    whole = BacktestingEngine(config).run(checkpoint_callback=collect, resume=begin)
    assert len(collect.saved) >= 2
    for saved in collect.saved:
        again = BacktestingEngine(config).run(resume=saved)
        assert (again.result_hash, again.identity) == (whole.result_hash, whole.identity)


def test_a_fork_is_another_run_than_one_with_its_rules(config_of: ConfigOf) -> None:
    """A fork's own snapshot continues nothing but that fork."""
    begin = forkable(config_of("lstm", 1_500))
    collect = Collect(begin.parent)
    config = config_of("lstm", 1_500, execution=DEAR)
    BacktestingEngine(config).run(checkpoint_callback=collect, resume=begin)
    with pytest.raises(IdentityMismatch) as caught:
        BacktestingEngine(config).run(resume=replace(collect.saved[0], parent=None))
    assert caught.value.part == "parent"


@pytest.mark.parametrize(
    "change", [{"model": True}, {"threads": 1}, {"seed": 2}, {"decisions": {"confidence_threshold": 0.4}}]
)
def test_a_fork_takes_what_a_resume_refuses(change: dict[str, Any], config_of: ConfigOf, tmp_path: Any) -> None:
    if "model" in change:
        change = {"model": tmp_path / "models" / worlds.untrained(tmp_path, worlds.strategy("lstm"), seed=7)}
    begin = forkable(config_of("lstm", 1_500))
    config = config_of("lstm", 1_500, **change)
    with pytest.raises(KtrdrError):
        BacktestingEngine(config).run(resume=replace(begin, parent=None))
    assert BacktestingEngine(config).run(resume=begin).equity.height > 1_000


def test_a_fork_cannot_begin_among_other_rows(config_of: ConfigOf) -> None:
    begin = forkable(config_of("lstm", 1_500))
    with pytest.raises(IdentityMismatch) as caught:
        BacktestingEngine(config_of("lstm", 1_500, start="2024-01-21")).run(resume=begin)
    assert caught.value.part == "bars"

"""A result keeps its values, pickles with its ledger, and shows itself in one line."""

from __future__ import annotations

import pickle

import pytest

import ktrdr
from ktrdr import _core
from ktrdr.simulation.ledger import TABLES
from ktrdr.simulation.result import HeldLedger, RunResult
from support.runs.signal_runs import RULES, market, signals_for


def partial_result() -> tuple[ktrdr.Simulation, RunResult]:
    run = ktrdr.Simulation(market(), signals_for(), symbol="EURUSD", **RULES)
    run.run(until=150)
    return run, run.result(partial=True)


def same(one: RunResult, two: RunResult) -> bool:
    fields = ("metrics", "undefined", "conventions", "warnings", "blocks", "partial", "open_position", "result_hash")
    return all(getattr(one, name) == getattr(two, name) for name in fields) and all(
        getattr(one, table).equals(getattr(two, table)) for table in TABLES
    )


def test_a_result_pickles_with_its_ledger() -> None:
    whole = ktrdr.simulate(market(), signals_for(), **RULES)
    again = pickle.loads(pickle.dumps(whole))
    assert same(again, whole)
    assert isinstance(again.source, HeldLedger)
    assert same(pickle.loads(pickle.dumps(again)), whole)


def test_a_pickled_partial_result_is_that_of_its_bar() -> None:
    run, early = partial_result()
    run.run()
    again = pickle.loads(pickle.dumps(early))
    assert same(again, early)
    assert again.partial and again.equity.height == 150


def test_a_result_is_one_line_to_look_at() -> None:
    run, early = partial_result()
    assert repr(early) == f"<RunResult: {early.brief}>"
    assert early.brief.endswith(", partial")
    assert repr(run).startswith("<Simulation before bar 150: equity ")
    assert "\n" not in repr(early) and len(repr(early)) < 200


@pytest.mark.parametrize("name", [name for name, metric in _core.METRICS.items() if metric["whole"]])
def test_whole_metrics_are_whole_numbers(name: str) -> None:
    assert type(ktrdr.simulate(market(), signals_for(), **RULES).metrics[name]) in (int, type(None))


def test_the_catalogue_lists_the_metrics_of_a_run() -> None:
    result = ktrdr.simulate(market(), signals_for(), **RULES)
    assert sorted(result.metrics) == sorted(_core.METRICS)
    assert set(result.undefined.values()) <= set(_core.UNDEFINED)

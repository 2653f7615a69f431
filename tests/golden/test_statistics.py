"""The statistics equal those of skfolio and arch; `export_statistics.py` made the values and says where they differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrdr.analysis.splits import combinatorial_paths, combinatorial_splits, walk_forward_steps
from ktrdr.analysis.statistics.bootstrap import distribution, optimal_block, percentiles, stationary_indices
from ktrdr.analysis.statistics.sharpe import Moments, deflated_sharpe, expected_maximum, probabilistic_sharpe

FIGURES = json.loads((Path(__file__).parent / "data" / "statistics.json").read_text())
Case = dict[str, Any]


@pytest.mark.parametrize("case", FIGURES["sharpe"], ids=lambda case: f"{len(case['returns'])} days")
def test_sharpe_ratios_equal_skfolio(case: Case) -> None:
    moments = Moments.of(np.array(case["returns"]), case["risk_free"])
    assert moments is not None
    assert probabilistic_sharpe(moments, case["benchmark"]) == pytest.approx(case["probabilistic"], rel=1e-12)
    assert deflated_sharpe(moments, case["trials"]) == pytest.approx(case["deflated"], rel=1e-12)


def test_the_expected_maximum_equals_skfolio() -> None:
    for count, value in FIGURES["expected_maximum"].items():
        assert expected_maximum(int(count)) == pytest.approx(value, rel=1e-10), count


@pytest.mark.parametrize("case", FIGURES["combinatorial"], ids=lambda case: f"{case['n_test']} of {case['n_blocks']}")
def test_combinatorial_splits_equal_skfolio(case: Case) -> None:
    stamps = np.arange(case["rows"])
    # a label over so many rows is known at the close of the last one, which is the next row's stamp
    splits = combinatorial_splits(stamps, stamps + case["horizon"] + 1, case["n_blocks"], case["n_test"])
    assert len(splits) == len(case["splits"])
    for split, expected in zip(splits, case["splits"], strict=True):
        assert split.train.tolist() == [row for first, stop in expected["train"] for row in range(first, stop)]
    assert combinatorial_paths(case["n_blocks"], case["n_test"]).tolist() == case["paths"]


@pytest.mark.parametrize("case", FIGURES["walk_forward"], ids=lambda case: f"{case['rows']} rows")
def test_walk_forward_windows_equal_skfolio(case: Case) -> None:
    """skfolio leaves out a given number of rows, ours 1 % of those before the test: here the same."""
    found = walk_forward_steps(np.arange(case["rows"]), case["before_test"], case["test"], anchored=case["anchored"])
    assert [[[w[0], w[1]], [w[2], w[3]]] for w in found] == case["windows"]


def drawdown(values: np.ndarray[Any, Any]) -> float:
    curve = np.concatenate([[1.0], np.cumprod(1 + values)])
    return float((1 - curve / np.maximum.accumulate(curve)).max())


@pytest.mark.parametrize("case", FIGURES["bootstrap"], ids=lambda case: f"{len(case['returns'])} days")
def test_intervals_equal_those_of_arch(case: Case) -> None:
    """Other draws of the same law: each end lies within the error of a quantile of 4,000 resamples."""
    statistics = {"mean": np.mean, "sharpe": lambda x: x.mean() / x.std(ddof=1), "drawdown": drawdown}
    for name, statistic in statistics.items():
        values = np.array(case["returns"])
        drawn = distribution(values, statistic, mean_block=case["mean_block"], seed=5, resamples=4_000)
        low = np.quantile(drawn, [0.05 - 0.012, 0.05 + 0.012])
        high = np.quantile(drawn, [0.95 - 0.012, 0.95 + 0.012])
        lower, upper = case["intervals"][name]
        assert low[0] < lower < low[1] and high[0] < upper < high[1], name
        assert percentiles(drawn, 0.9) == pytest.approx(case["intervals"][name], rel=0.15, abs=2e-4), name


@pytest.mark.parametrize("case", FIGURES["bootstrap"], ids=lambda case: f"{len(case['returns'])} days")
def test_the_best_block_equals_arch(case: Case) -> None:
    assert optimal_block(np.array(case["returns"])) == pytest.approx(max(1.0, case["optimal"]), rel=1e-10)


class Given:
    """A source of chance that gives what arch was given: uniform draws, then the start of each block."""

    def __init__(self, case: Case) -> None:
        uniform = np.array(case["uniform"])
        begins = uniform * case["mean_block"] < 1
        begins[0] = True
        starts = (np.array(case["starts"])[begins] + 0.5) / len(uniform)
        self.draws = [uniform, starts]

    def random(self, count: int) -> np.ndarray[Any, Any]:
        draw = self.draws.pop(0)
        assert len(draw) == count
        return draw


@pytest.mark.parametrize("case", FIGURES["indices"], ids=lambda case: f"block {case['mean_block']}")
def test_positions_equal_arch(case: Case) -> None:
    found = stationary_indices(len(case["found"]), case["mean_block"], Given(case))  # type: ignore[arg-type]
    assert found.tolist() == case["found"]

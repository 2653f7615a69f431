"""Writes `data/statistics.json`: figures of skfolio and arch for the statistics in `ktrdr.analysis`.

Run in a virtual environment of its own, since the two bring pandas, scikit-learn, cvxpy and statsmodels:

    python3 -m venv /tmp/oracles && /tmp/oracles/bin/pip install skfolio==1.12.2 arch==8.0.0 numpy==2.4.6
    /tmp/oracles/bin/python tests/golden/export_statistics.py
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from arch.bootstrap._samplers_python import stationary_bootstrap_sample_python
from skfolio.measures import deflated_sharpe_ratio, expected_max_sharpe_ratio, probabilistic_sharpe_ratio
from skfolio.model_selection import CombinatorialPurgedCV, WalkForward

RESAMPLES = 20_000


def returns(seed: int, days: int) -> np.ndarray:
    """Returns with fat tails that depend on the day before."""
    steps = np.random.default_rng(seed).standard_t(4, days) * 0.008
    for day in range(1, days):
        steps[day] += 0.3 * steps[day - 1]
    return np.round(steps + 0.0008, 6)


def sharpe_cases() -> list[dict[str, Any]]:
    rows = []
    for seed, days, benchmark, risk_free in [(1, 40, 0.0, 0.0), (2, 120, 0.05, 0.0001), (3, 250, -0.02, 0.0)]:
        values = returns(seed, days)
        trials = np.round(np.random.default_rng(seed + 100).normal(0, 0.08, 5 * seed), 6)
        rows.append(
            {
                "returns": values.tolist(),
                "benchmark": benchmark,
                "risk_free": risk_free,
                "trials": trials.tolist(),
                "probabilistic": probabilistic_sharpe_ratio(values, benchmark, risk_free),
                "deflated": deflated_sharpe_ratio(values, trials, risk_free),
            }
        )
    return rows


def runs(rows: np.ndarray) -> list[list[int]]:
    """Ascending row numbers as half-open spans."""
    edges = np.flatnonzero(np.diff(rows) > 1) + 1
    return [[int(part[0]), int(part[-1]) + 1] for part in np.split(rows, edges)]


def combinatorial_case(n_folds: int, n_test: int, rows: int, horizon: int, embargo: int) -> dict[str, Any]:
    """skfolio adds its embargo to the purge; ours begins with the block, so it is asked for what is left of it."""
    cv = CombinatorialPurgedCV(n_folds, n_test, purged_size=horizon, embargo_size=max(0, embargo - horizon))
    splits = [{"train": runs(train)} for train, _ in cv.split(np.zeros((rows, 1)))]
    paths = cv.recombined_paths.T
    return {
        "n_blocks": n_folds,
        "n_test": n_test,
        "rows": rows,
        "horizon": horizon,
        "paths": paths.tolist(),
        "splits": splits,
    }


def walk_forward_case(rows: int, train: int, test: int, purged: int, anchored: bool) -> dict[str, Any]:
    cv = WalkForward(test_size=test, train_size=train, purged_size=purged, expand_train=anchored)
    windows = [[*runs(found), *runs(tested)] for found, tested in cv.split(np.zeros((rows, 1)))]
    return {"rows": rows, "before_test": train + purged, "test": test, "anchored": anchored, "windows": windows}


def drawdown(values: np.ndarray) -> float:
    curve = np.concatenate([[1.0], np.cumprod(1 + values)])
    return float((1 - curve / np.maximum.accumulate(curve)).max())


def sharpe(values: np.ndarray) -> float:
    return float(values.mean() / values.std(ddof=1))


def bootstrap_cases() -> list[dict[str, Any]]:
    rows = []
    for seed, days, block in [(11, 250, 5), (12, 120, 15)]:
        values = returns(seed, days)
        intervals = {}
        for name, statistic in {"mean": np.mean, "sharpe": sharpe, "drawdown": drawdown}.items():
            bootstrap = StationaryBootstrap(block, values, seed=seed)
            intervals[name] = bootstrap.conf_int(statistic, RESAMPLES, method="percentile", size=0.9).ravel().tolist()
        optimal = float(optimal_block_length(values)["stationary"].iloc[0])
        rows.append({"returns": values.tolist(), "mean_block": block, "intervals": intervals, "optimal": optimal})
    return rows


def index_cases() -> list[dict[str, Any]]:
    """Positions that arch makes of given uniform draws and given starts."""
    rows = []
    for seed, count, block in [(21, 30, 4), (22, 40, 1), (23, 25, 50)]:
        random = np.random.default_rng(seed)
        uniform = np.round(random.random(count), 6)
        starts = random.integers(0, count, count)
        found = stationary_bootstrap_sample_python(starts.copy(), uniform, 1 / block)
        rows.append(
            {"uniform": uniform.tolist(), "starts": starts.tolist(), "mean_block": block, "found": found.tolist()}
        )
    return rows


def main() -> None:
    found = {
        "versions": {name: version(name) for name in ("skfolio", "arch", "numpy", "scipy")},
        "sharpe": sharpe_cases(),
        "expected_maximum": {str(n): float(expected_max_sharpe_ratio(n, 1.0)) for n in (1, 2, 3, 10, 100, 10_000)},
        "combinatorial": [
            combinatorial_case(6, 2, 120, 3, 2),
            combinatorial_case(5, 3, 400, 1, 4),
            combinatorial_case(10, 2, 300, 0, 3),
        ],
        "walk_forward": [walk_forward_case(200, 99, 20, 1, False), walk_forward_case(100, 49, 10, 1, False)],
        "bootstrap": bootstrap_cases(),
        "indices": index_cases(),
    }
    target = Path(__file__).parent / "data" / "statistics.json"
    target.write_text(json.dumps(found) + "\n")


main()

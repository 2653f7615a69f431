"""Writes `data/empyrical.json`: metrics of made-up daily closes as empyrical-reloaded computes them.

Run in a virtual environment of its own, since empyrical wants an older numpy than ktrdr:

    python3 -m venv /tmp/empyrical && /tmp/empyrical/bin/pip install numpy==1.26.4 empyrical-reloaded
    /tmp/empyrical/bin/python tests/golden/export_empyrical.py
"""

import json
from pathlib import Path

import empyrical
import numpy as np

CASES = [  # seed, days, drift, volatility, annual risk-free rate, periods a year
    (1, 40, 0.0005, 0.010, 0.00, 252),
    (2, 300, 0.0002, 0.015, 0.00, 252),
    (3, 300, -0.0010, 0.020, 0.02, 252),
    (4, 1200, 0.0003, 0.008, 0.05, 252),
    (5, 500, 0.0010, 0.040, 0.01, 365),
    (6, 12, 0.0000, 0.005, 0.00, 252),
]


def closes(seed: int, days: int, drift: float, volatility: float) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(drift, volatility, days)
    return 100.0 * np.cumprod(1.0 + steps)


def expected(path: np.ndarray, risk_free_rate: float, periods: int) -> dict[str, float]:
    """Two days at the first price (capital, then the flat first bar) and the closes after it."""
    points = np.concatenate([[path[0], path[0]], path[1:]])
    returns = points[1:] / points[:-1] - 1.0
    rf = (1.0 + risk_free_rate) ** (1.0 / periods) - 1.0
    return {
        "sharpe": empyrical.sharpe_ratio(returns, risk_free=rf, annualization=periods),
        "sortino": empyrical.sortino_ratio(returns, required_return=rf, annualization=periods),
        "volatility": empyrical.annual_volatility(returns, annualization=periods),
        "ann_return": empyrical.annual_return(returns, annualization=periods),
        "max_drawdown_daily": -empyrical.max_drawdown(returns),
    }


def main() -> None:
    rows = []
    for seed, days, drift, volatility, risk_free_rate, periods in CASES:
        path = closes(seed, days, drift, volatility)
        metrics = {key: float(value) for key, value in expected(path, risk_free_rate, periods).items()}
        rows.append(
            {"closes": path.tolist(), "risk_free_rate": risk_free_rate, "periods_per_year": periods, "metrics": metrics}
        )
    target = Path(__file__).parent / "data" / "empyrical.json"
    target.write_text(json.dumps({"empyrical": empyrical.__version__, "numpy": np.__version__, "cases": rows}) + "\n")


main()

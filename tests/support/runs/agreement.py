"""Differences between the core and the reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from reference.case import Case
from reference.simulation import Outcome
from support.runs.core import CoreOutcome

RELATIVE = 1e-9
_MONEY = {"commission", "slippage", "spread", "gross_pnl", "financing", "net_pnl", "mfe", "mae", "equity", "cash"}
_RATES = {"return_rate", "mfe_rate", "mae_rate", "drawdown"}
_KEPT_ASIDE = {"notional", "peak", "open_gross"}


def differences(case: Case, expected: Outcome, found: CoreOutcome) -> list[str]:
    """One line for every difference; none where the two agree to 1e-9."""
    largest = max([case.initial_capital, *(fill["notional"] for fill in expected.fills)])
    problems: list[str] = []
    for name in ("fills", "trades", "refused", "equity"):
        problems += _table(name, getattr(expected, name), found.tables[name], 1e-14 * largest)
    if "decisions" in found.tables:
        codes = found.tables["decisions"].get("code", [])
        problems += [f"decisions: {expected.decisions} != {codes}"] if codes != expected.decisions else []
    return problems + _measures(case, expected, found, largest) + _blocks(expected.measures.blocks, found.blocks)


def _table(name: str, rows: list[dict[str, Any]], columns: dict[str, list[Any]], slack: float) -> list[str]:
    length = len(next(iter(columns.values()), ()))
    if len(rows) != length:
        reasons = columns.get("reason") or columns.get("exit_reason")
        return [f"{name}: {len(rows)} rows expected, {length} found: {rows} != {columns.get('bar')} {reasons}"]
    problems = []
    for key in rows[0] if rows else ():
        if key not in columns or key in _KEPT_ASIDE:
            continue
        if [row[key] for row in rows] == columns[key]:
            continue
        for index, (row, value) in enumerate(zip(rows, columns[key], strict=True)):
            if not same(row[key], value, slack if key in _MONEY else 1e-14 if key in _RATES else 0.0):
                problems.append(f"{name}[{index}].{key}: {row[key]!r} != {value!r}")
    return problems


def same(expected: Any, found: Any, slack: float = 0.0) -> bool:
    """Equal, or floats within 1e-9 of each other; `slack` is what rounding may leave where terms cancel."""
    if expected == found:
        return True
    if expected is None or found is None or isinstance(expected, str):
        return False
    if math.isnan(expected) and math.isnan(found):
        return True
    return bool(abs(expected - found) <= RELATIVE * max(abs(expected), abs(found)) + slack)


def _measures(case: Case, expected: Outcome, found: CoreOutcome, largest: float) -> list[str]:
    measures = expected.measures
    if found.values == measures.values and found.undefined == measures.undefined:
        return []
    keys = set(found.values) | set(found.undefined)
    problems = [f"metrics: {sorted(keys ^ set(measures.values))} in one only"] if keys ^ set(measures.values) else []
    slack = _slack(case, expected, largest)
    for key, value in measures.values.items():
        if not same(value, found.values.get(key), max(slack(key), _conditioned(key, value))):
            problems.append(f"{key}: {value!r} != {found.values.get(key)!r}")
    reasons = {key: reason for key, reason in found.undefined.items() if reason is not None}
    if reasons != measures.undefined:
        problems.append(f"undefined: {measures.undefined} != {reasons}")
    return problems


def _slack(case: Case, expected: Outcome, largest: float) -> Callable[[str], float]:
    """Returns the tolerance of a measure that is a difference of large numbers."""
    money = 1e-14 * largest * (1 + len(expected.fills))
    rate = money / case.initial_capital
    volatility = expected.measures.values["volatility"]
    steep = 1.0 if not volatility else 1.0 + 1.0 / volatility
    in_money = {
        "net_profit", "profit_pessimistic", "profit_optimistic", "commission", "slippage", "spread", "financing",
        "expectancy", "avg_win", "avg_loss", "largest_win", "largest_loss",
    }  # fmt: skip
    in_rate = {
        "total_return", "ann_return", "cagr", "volatility", "max_drawdown", "max_drawdown_daily", "expectancy_rate",
        "benchmark_return", "benchmark_max_drawdown",
    }  # fmt: skip
    in_ratio = {"sharpe", "sortino", "calmar", "skew", "kurtosis", "sqn", "payoff", "profit_factor", "break_even_bps"}

    def slack(key: str) -> float:
        if key in in_money:
            return money
        if key in in_rate:
            return 100 * rate
        return 1000 * rate * steep if key in in_ratio else 0.0

    return slack


def _conditioned(key: str, value: float | None) -> float:
    """A deviation is known to the rounding of its mean: the larger mean over deviation, the less of it is left."""
    return 1e-15 * value**2 if key == "sqn" and value else 0.0


def _blocks(expected: list[Any] | None, found: list[Any] | None) -> list[str]:
    if expected is None or found is None:
        return [] if expected is found else [f"blocks: {expected} != {found}"]
    pairs = [pair for blocks in zip(expected, found, strict=True) for pair in zip(*blocks, strict=True)]
    return [f"blocks: {a!r} != {b!r}" for a, b in pairs if not same(a, b, 1e-13)]

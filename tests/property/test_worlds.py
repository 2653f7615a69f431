"""Every world of three bars on three prices, times every signal sequence, under rules that meet them: core = reference.

Prices and rates are such that all money is exact in binary: levels are met exactly, not nearly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from random import Random
from typing import Any

import pytest

from reference.case import HOUR_NS, Case
from reference.money import Bars
from reference.rules import complete
from reference.simulation import Outcome, Run, advance, benchmark_of, finish, open_run
from support.runs.agreement import differences
from support.runs.core import BareRun
from support.soak import seeds

PRICES = (48.0, 64.0, 80.0)
Bar = tuple[float, float, float, float]
World = tuple[Bar, ...]
BARS: list[Bar] = [
    (open_, high, low, close)
    for open_, high, low, close in product(PRICES, repeat=4)
    if low <= min(open_, close) and max(open_, close) <= high
]
WORLDS: list[World] = list(product(BARS, repeat=3))
SEQUENCES = list(product((0, 1, -1), repeat=3))
CAPITAL = 1_024.0

QUARTER = {"rate": 0.25}
BOTH = {"stop_loss": QUARTER, "take_profit": QUARTER}
THIS_CLOSE = {"fill": "this_close"}
REVERSE = {"on_opposite": "reverse"}
COSTS = {"slippage": {"rate": 0.03125}, "spread": {"half": 2.0}, "commission": {"rate": 0.0078125, "per_fill": 0.5}}

EXECUTIONS: dict[str, dict[str, Any]] = {
    "stop and target, pessimistic": {"exits": BOTH},
    "stop and target, optimistic": {"exits": BOTH, "intrabar": "optimistic"},
    "stop and target, ohlc, reversal": {"exits": BOTH, "intrabar": "ohlc", **REVERSE},
    "stop and target at this close, ohlc": {"exits": BOTH, "intrabar": "ohlc", **THIS_CLOSE},
    "target over a spread, left open": {
        "exits": {"take_profit": QUARTER}, "spread": {"half": 4.0}, "close_at_end": False,
    },
    "trailing on close": {"exits": {"trailing_stop": QUARTER}, **REVERSE},
    "trailing on extreme, tied with a stop": {
        "exits": {"trailing_stop": QUARTER, "stop_loss": QUARTER, "trail_on": "extreme"},
    },
    "trailing on extreme at this close, target": {
        "exits": {"trailing_stop": {"rate": 0.125}, "take_profit": QUARTER, "trail_on": "extreme"},
        "intrabar": "optimistic", **THIS_CLOSE, **REVERSE,
    },
    "reversal at this close with costs": {**THIS_CLOSE, **REVERSE, **COSTS},
    "long only, all costs, holding limit": {
        "allow_short": False, "exits": {"max_holding_bars": 1, "stop_loss": QUARTER}, **COSTS, **REVERSE,
    },
    "holding limit at this close, left open": {"exits": {"max_holding_bars": 1}, "close_at_end": False, **THIS_CLOSE},
    "borrowed to the hilt": {
        "sizing": {"kind": "fixed_notional", "notional": 2 * CAPITAL}, "exits": {"take_profit": {"rate": 0.5}},
        "margin": {"max_leverage": 2.0, "maintenance": 0.75}, "financing": {"short_rate": 8.0, "long_rate": -4.0},
    },
    "all cash on ticks": {
        "sizing": {"kind": "cash_fraction", "fraction": 1.0}, "slippage": {"ticks": 1.0}, **REVERSE,
        "instrument": {"tick_size": 24.0, "lot_size": 1.0}, "exits": {"stop_loss": QUARTER, "take_profit": QUARTER},
    },
    "slippage of the range, holding limit of two": {
        "slippage": {"range_fraction": 0.5}, "exits": {"max_holding_bars": 2, "trailing_stop": QUARTER},
    },
}  # fmt: skip
DECISIONS: dict[str, dict[str, Any]] = {
    "long only, all costs, holding limit": {"position_awareness": False},
    "trailing on close": {"position_awareness": False},
    "reversal at this close with costs": {"filters": {"min_signal_separation": 1.5}},
    "slippage of the range, holding limit of two": {"allow_short_from_flat": False},
}


def rules_of(name: str) -> dict[str, Any]:
    free = {
        "commission": {"rate": 0.0},
        "slippage": {"rate": 0.0},
        "sizing": {"kind": "fixed_quantity", "quantity": 4.0},
    }
    open_to_all = {"filters": {"min_signal_separation": 0.0}, "allow_short_from_flat": True}
    return {
        "execution": {**free, **EXECUTIONS[name]},
        "decisions": {**open_to_all, **DECISIONS.get(name, {})},
    }


def reference_runs(world: World, rules: dict[str, Any]) -> Iterator[tuple[list[int], Outcome]]:
    """Every signal sequence over one world; what two sequences share is run once."""
    columns = [list(column) for column in zip(*world, strict=True)]
    bars = Bars([bar * HOUR_NS for bar in range(3)], *columns)
    signals = [0, 0, 0]
    start = open_run(bars, signals, None, complete(rules), CAPITAL, 0, 3_600)
    benchmark = benchmark_of(start)

    def forked(run: Run, bar: int) -> Iterator[Run]:
        for signal in (0, 1, -1):
            signals[bar] = signal
            branch = run.copy()
            advance(branch, bar, last=bar == 2)
            yield branch

    for first in forked(start, 0):
        for second in forked(first, 1):
            for third in forked(second, 2):
                yield signals, finish(third, benchmark)


def assert_agreement(name: str, worlds: Sequence[World]) -> None:
    rules = rules_of(name)
    core = BareRun(rules)
    for world in worlds:
        columns = [list(column) for column in zip(*world, strict=True)]
        bars = Bars([bar * HOUR_NS for bar in range(3)], *columns)
        frame = core.columns(Case(bars, [0, 0, 0]))[0]
        for signals, expected in reference_runs(world, rules):
            case = Case(bars, signals, None, rules, CAPITAL)
            found = core.read(core.start(case, frame, core.columns_of_signals(signals), None))
            differs = differences(case, expected, found)
            assert not differs, f"{name}: bars {world}, signals {signals}: " + "\n".join(differs)


def test_the_worlds_are_all_there() -> None:
    assert (len(BARS), len(WORLDS), len(SEQUENCES)) == (20, 8_000, 27)


@pytest.mark.parametrize("name", EXECUTIONS)
def test_a_hundredth_of_the_worlds(name: str) -> None:
    assert_agreement(name, Random(name).sample(WORLDS, len(WORLDS) // 100))


@pytest.mark.soak
@pytest.mark.parametrize("name", EXECUTIONS)
def test_every_world(name: str) -> None:
    for index in seeds(f"every_world {name}", len(WORLDS), batch=len(WORLDS) // 4):
        assert_agreement(name, [WORLDS[index]])

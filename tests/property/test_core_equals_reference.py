"""The core and the plain reference say the same about any run: every row, every measure, every reason.

`KTRDR_CASES` sets the number of runs (1,000 by default); the soak makes 10,000 others.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ktrdr.errors import KtrdrError
from reference.case import Case
from reference.money import FillPriceError
from reference.rules import DEFAULTS, REPLACED_WHOLE, complete
from reference.simulation import Outcome
from support.runs.agreement import differences
from support.runs.core import BareRun, run_door
from support.runs.random_cases import draw_case, draw_flag_case
from support.soak import seeds

CASES = int(os.environ.get("KTRDR_CASES", "1000"))
BLOCK = 100
SOAK_FIRST_SEED = 100_000
SOAK_SHARE = 1_000
LEVELS = ("stop_loss", "take_profit", "trailing_stop")
EVERY_NTH_THROUGH_THE_DOOR = 20


def outcome_of(case: Case) -> Outcome | None:
    """None where a fill would have had no price."""
    try:
        return case.outcome()
    except FillPriceError:
        return None


def assert_agreement(seed: int, draw: Callable[[int], Case] = draw_case) -> None:
    case = draw(seed)
    expected = outcome_of(case)
    doors = [BareRun(case.rules).run]
    mixed = {abs(signal) for signal in case.signals} - {0} > {1}
    if seed % EVERY_NTH_THROUGH_THE_DOOR == 0 and not mixed:
        doors.append(run_door)
    for door in doors:
        if expected is None:
            with pytest.raises(KtrdrError) as refused:
                door(case)
            assert refused.value.code == "fill_price", f"seed {seed}"
        else:
            problems = differences(case, expected, door(case))
            assert not problems, f"seed {seed}: " + "\n".join(problems[:20])


@pytest.mark.parametrize("block", range(CASES // BLOCK))
def test_random_runs_agree(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        assert_agreement(seed)


@pytest.mark.parametrize("block", range(2))
def test_random_entries_and_exits_agree(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        assert_agreement(seed, draw_flag_case)


@pytest.mark.soak
@pytest.mark.parametrize("tenth", range(10))
def test_ten_thousand_more_agree(tenth: int) -> None:
    for seed in seeds(f"ten_thousand_more_agree {tenth}", SOAK_SHARE, batch=SOAK_SHARE):
        assert_agreement(SOAK_FIRST_SEED + tenth * SOAK_SHARE + seed)


def test_the_random_runs_draw_every_rule() -> None:
    drawn: Counter[str] = Counter()
    for seed in range(500):
        case = draw_case(seed)
        drawn.update(set(_departures("", complete(case.rules), DEFAULTS)))
        columns = [name for name in ("half_spread", "atr", "conversion_rate") if getattr(case.bars, name) is not None]
        drawn.update(columns)
        drawn["warm-up"] += case.warmup > 0
        drawn["undefined confidence"] += any(math.isnan(value) for value in case.confidence or ())
    rare = {key: drawn[key] for key in (*_leaves("", DEFAULTS), *ALTERNATIVES) if drawn[key] < 10}
    assert not rare


ALTERNATIVES = (
    *(f"execution.sizing {kind}" for kind in ("cash_fraction", "equity_fraction", "fixed_quantity", "fixed_notional")),
    *(f"execution.slippage {kind}" for kind in ("rate", "ticks", "range_fraction")),
    *(f"execution.exits.{name} {kind}" for name in LEVELS for kind in ("rate", "atr")),
    *("execution.sizing volatility_target", "execution.intrabar optimistic", "execution.intrabar ohlc"),
    *("half_spread", "atr", "conversion_rate", "warm-up", "undefined confidence"),
)


def _leaves(path: str, rules: Any) -> Iterator[str]:
    for key, value in rules.items():
        below = f"{path}.{key}".lstrip(".")
        if isinstance(value, dict) and key not in REPLACED_WHOLE:
            yield from _leaves(below, value)
        elif key != "atr_period":
            yield below


def _departures(path: str, rules: Any, defaults: Any) -> Iterator[str]:
    """Every key that has another value than its default, and the alternative where it has several."""
    for key, value in rules.items():
        below = f"{path}.{key}".lstrip(".")
        if isinstance(value, dict) and key not in REPLACED_WHOLE:
            yield from _departures(below, value, defaults[key])
        elif value != defaults[key]:
            yield below
            kind = value.get("kind", next(iter(value))) if isinstance(value, dict) else value
            yield f"{below} {kind}"


def test_the_random_runs_reach_every_rule() -> None:
    reached: Counter[str] = Counter()
    for seed in range(500):
        case = draw_case(seed)
        outcome = outcome_of(case)
        if outcome is None:
            continue
        reached.update(f"fill {row['reason']}" for row in outcome.fills)
        reached.update(f"refused {row['reason']}" for row in outcome.refused)
        reached.update(f"decision {code}" for code in outcome.decisions)
        reached.update(f"undefined {reason}" for reason in outcome.measures.undefined.values())
        reached["ambiguous"] += int(outcome.measures.values["ambiguous_bars"] or 0)
        reached["blocks"] += outcome.measures.blocks is not None
        reached["days measured"] += outcome.measures.values["sharpe"] is not None
        reached["calendar of 365"] += outcome.measures.periods_per_year == 365
    expected = {
        *(f"fill {reason}" for reason in _names("REASONS")),
        *(f"refused {reason}" for reason in _names("REFUSALS")),
        *(f"decision {code}" for code in _names("DECISIONS")),
        *(f"undefined {reason}" for reason in UNDEFINED),
        *("ambiguous", "blocks", "days measured", "calendar of 365"),
    }
    rare = {key: reached[key] for key in expected if reached[key] < 3}
    assert not rare


UNDEFINED = (
    "too_few_returns", "equity_not_positive", "zero_volatility", "zero_downside", "no_trades", "no_wins", "no_losses",
    "too_few_trades", "no_drawdown", "not_recovered", "too_short",
)  # fmt: skip


def _names(table: str) -> tuple[str, ...]:
    from ktrdr import _core

    names: tuple[str, ...] = getattr(_core, table)
    return names

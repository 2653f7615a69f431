"""The core and the plain reference say the same about any run: every row, every measure, every reason.

`KTRDR_CASES` sets the number of runs (1,000 unless told); the soak makes 10,000 others.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from ktrdr.errors import KtrdrError
from reference.case import Case
from reference.money import FillPriceError
from reference.simulation import Outcome
from support.agreement import differences
from support.core import BareRun, run_door
from support.random_cases import draw_case

CASES = int(os.environ.get("KTRDR_CASES", "1000"))
BLOCK = 100
SOAK_BLOCKS = range(1_000, 1_100)
EVERY_NTH_THROUGH_THE_DOOR = 20


def outcome_of(case: Case) -> Outcome | None:
    """None where a fill would have had no price."""
    try:
        return case.outcome()
    except FillPriceError:
        return None


def assert_agreement(seed: int) -> None:
    case = draw_case(seed)
    expected = outcome_of(case)
    doors = [BareRun(case.rules).run]
    if seed % EVERY_NTH_THROUGH_THE_DOOR == 0:
        doors.append(run_door)
    for door in doors:
        if expected is None:
            with pytest.raises(KtrdrError) as refused:
                door(case)
            assert refused.value.code == "fill_price", f"seed {seed}"
        else:
            told = differences(case, expected, door(case))
            assert not told, f"seed {seed}: " + "\n".join(told[:20])


@pytest.mark.parametrize("block", range(CASES // BLOCK))
def test_random_runs_agree(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        assert_agreement(seed)


@pytest.mark.soak
@pytest.mark.parametrize("block", SOAK_BLOCKS)
def test_ten_thousand_more_agree(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        assert_agreement(seed)


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

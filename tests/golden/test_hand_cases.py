"""Runs computed by hand, against the reference, the core and the door of the core."""

from __future__ import annotations

from typing import Any

import pytest

from support.runs.agreement import differences
from support.runs.core import BareRun, run_door
from support.runs.hand_cases import HAND_CASES, HandCase


@pytest.mark.parametrize("hand", HAND_CASES, ids=lambda hand: hand.name)
def test_the_reference_computes_what_the_hand_computes(hand: HandCase) -> None:
    outcome = hand.case.outcome()
    fills = [tuple(row[key] for key in ("bar", "side", "quantity", "price", "reason")) for row in outcome.fills]
    refused = [tuple(row[key] for key in ("bar", "side", "quantity", "reason")) for row in outcome.refused]
    assert fills == [near(fill) for fill in hand.fills]
    assert refused == [near(row) for row in hand.refused]
    assert outcome.equity[-1]["equity"] == near_one(hand.final_equity)
    assert {key: outcome.trades[0][key] for key in hand.trade} == {k: near_one(v) for k, v in hand.trade.items()}
    assert {bar: outcome.equity[bar]["equity"] for bar in hand.equity} == {
        bar: near_one(value) for bar, value in hand.equity.items()
    }
    found = {key: outcome.measures.values[key] for key in hand.metrics}
    assert found == {key: near_one(value) for key, value in hand.metrics.items()}


@pytest.mark.parametrize("hand", HAND_CASES, ids=lambda hand: hand.name)
def test_the_core_agrees(hand: HandCase) -> None:
    expected = hand.case.outcome()
    for door in (BareRun(hand.case.rules).run, run_door):
        assert not differences(hand.case, expected, door(hand.case))


def near(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(near_one(value) for value in row)


def near_one(value: Any) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-10) if isinstance(value, float) else value

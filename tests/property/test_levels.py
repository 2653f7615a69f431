"""Levels met exactly: every entry, rate and side of a grid of decimals, with the truth in whole numbers.

An entry of E hundredths and a rate of R tenths of a percent give a level of E (1,000 +- R) hundred-thousandths. It is
exact, as are the prices one step of the grid around it; floats round each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from reference.case import Case, bars_of
from support.runs.core import BareRun

ENTRIES = [*range(9_950, 10_050), *range(101, 131), 1_085, 333, 777_777]
RATES = (1, 5, 7, 10, 15, 20, 25, 30, 33, 50, 70, 100, 125)
SHARE = 100_000  # of the prices of the grid below
HUNDREDTH = 1_000  # in the same unit
PROBES = (-1, 0, 1)
TICKS = (None, 0.00001)
KINDS = ("stop_loss", "take_profit", "trailing_stop")
SIDES = (1, -1)
CASES = list(product(KINDS, SIDES))


def level_of(kind: str, side: int, entry: int, rate: int) -> int:
    """The level in hundred-thousandths: below a long's entry for a stop, above it for a target."""
    outward = side if kind == "take_profit" else -side
    return entry * (1_000 + outward * rate)


def exits_expected(kind: str, side: int, outward: int) -> bool:
    """A stop leaves at its level and beyond, a target only beyond; `outward` is the side on which prices lie beyond."""
    beyond = side if kind == "take_profit" else -side
    return outward == beyond or (outward == 0 and kind != "take_profit")


def probes(kind: str, side: int, rate: int, entries: list[int]) -> Iterator[tuple[int, int, int]]:
    for entry, step in product(entries, PROBES):
        yield entry, level_of(kind, side, entry, rate) + step, step


def case_of(kind: str, side: int, rate: int, tick: float | None, entries: list[int], *, gap: bool) -> Case:
    """Four bars a probe: the signal, the entry at the open, the bar that comes to the price, the close for age."""
    prices: list[float | list[float]] = []
    for entry, probe, _ in probes(kind, side, rate, entries):
        at = entry * HUNDREDTH / SHARE
        there = probe / SHARE
        # A gap opens at the price; else the bar opens at its entry and comes to the price.
        met = [there if gap else at, max(at, there), min(at, there), at]
        prices += [at, at, met, at]
    execution = {
        "exits": {kind: {"rate": rate / 1_000}, "max_holding_bars": 2},
        "sizing": {"kind": "fixed_quantity", "quantity": 1.0},
        "commission": {"rate": 0.0},
        "slippage": {"rate": 0.0},
        "instrument": {"tick_size": tick},
    }
    decisions = {"filters": {"min_signal_separation": 0.0}, "allow_short_from_flat": True}
    return Case(
        bars_of(prices),
        [side, 0, 0, 0] * (len(prices) // 4),
        None,
        {"execution": execution, "decisions": decisions},
        1e9,
    )


@pytest.mark.parametrize("gap", [False, True], ids=["inside", "at the open"])
@pytest.mark.parametrize(("kind", "side"), CASES)
def test_every_level_of_the_grid(kind: str, side: int, gap: bool) -> None:
    wrong: list[str] = []
    for rate, tick in product(RATES, TICKS):
        case = case_of(kind, side, rate, tick, ENTRIES, gap=gap)
        found = BareRun(case.rules).run(case).tables["trades"]["exit_reason"]
        wrong += differences(kind, side, rate, ENTRIES, found, gap=gap)
    assert not wrong, f"{len(wrong)} wrong: " + "\n".join(wrong[:10])


@pytest.mark.parametrize(("kind", "side"), CASES)
def test_the_reference_agrees_with_whole_numbers(kind: str, side: int) -> None:
    entries = ENTRIES[::10]
    wrong: list[str] = []
    for rate, gap in product(RATES[::3], (False, True)):
        outcome = case_of(kind, side, rate, 0.00001, entries, gap=gap).outcome()
        wrong += differences(kind, side, rate, entries, [row["exit_reason"] for row in outcome.trades], gap=gap)
    assert not wrong, f"{len(wrong)} wrong: " + "\n".join(wrong[:10])


def differences(kind: str, side: int, rate: int, entries: list[int], found: list[str], *, gap: bool) -> list[str]:
    wrong = []
    for (entry, _, step), reason in zip(probes(kind, side, rate, entries), found, strict=True):
        # A resting order is filled at an open that equals its level.
        leaves = exits_expected(kind, side, step) or (gap and step == 0)
        if reason != (kind if leaves else "max_holding"):
            wrong.append(f"{kind} {side} {entry} {rate} {step:+}: {reason}")
    return wrong

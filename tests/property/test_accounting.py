"""Identities that hold for any run of `ktrdr.simulate`, whatever its bars, signals and rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import ktrdr
from ktrdr.errors import FillPrice
from reference.case import Case
from reference.money import half_spread
from reference.rules import complete
from support.runs.core import arguments_of, columns_of
from support.runs.random_cases import draw_case, draw_flag_case

SEEDS = st.integers(0, 10**9)
FEW = settings(max_examples=40, deadline=None)


def long_enough(seed: int, bars: int = 8, draw: Callable[[int], Case] = draw_case) -> Case:
    """A random case of at least some bars, simulated from the first."""
    case = next(case for case in map(draw, range(seed, seed + 1_000)) if len(case.signals) >= bars)
    return replace(case, warmup=0)


def with_rules(case: Case, **execution: Any) -> Case:
    rules = complete(case.rules)
    return replace(case, rules={**rules, "execution": {**rules["execution"], **execution}})


def simulated(case: Case) -> Any:
    try:
        return ktrdr.simulate(**columns_of(case), **arguments_of(case))
    except FillPrice:
        assume(False)
        raise


def plain(case: Case, **execution: Any) -> Case:
    """The case at a fixed quantity, without exits, liquidation, ticks, refusals and financing."""
    free = {
        "sizing": {"kind": "fixed_quantity", "quantity": 8.0},
        "exits": {**complete({})["execution"]["exits"]},
        "margin": {"max_leverage": 1.0, "maintenance": 0.0},
        "instrument": {"tick_size": None, "lot_size": 1e-8, "contract_multiplier": 1.0},
        "financing": {"long_rate": 0.0, "short_rate": 0.0, "day_count": 365.0},
        "allow_short": True,
    }
    case = with_rules(case, **{**free, **execution})
    case.rules["decisions"]["allow_short_from_flat"] = True  # type: ignore[index]
    return replace(case, initial_capital=1e6 * max(case.bars.high))


COSTLESS = {
    "commission": {"rate": 0.0, "per_unit": 0.0, "per_fill": 0.0, "minimum": 0.0},
    "slippage": {"rate": 0.0},
    "spread": {"half": 0.0},
}


@FEW
@given(SEEDS, st.floats(0, 1), st.booleans())
def test_a_run_that_stopped_and_resumed_ends_where_the_whole_one_ends(seed: int, share: float, flags: bool) -> None:
    # Every third flag case mixes both kinds of columns, which no door takes.
    case = long_enough(seed - seed % 3 + 1, 1, draw_flag_case) if flags else long_enough(seed, 1)
    assume({abs(signal) for signal in case.signals} - {0} <= ({2, 3, 4} if flags else {1}))
    whole = simulated(case)
    columns = columns_of(case)
    part = ktrdr.Simulation(**columns, **arguments_of(case))
    part.run(until=round(share * len(case.signals)))
    again = ktrdr.Simulation.restore(part.snapshot(), **columns, ledger=part.ledger())
    again.run()
    assert again.result().result_hash == whole.result_hash


@FEW
@given(SEEDS, st.lists(st.floats(0, 1), max_size=6))
def test_fed_in_any_chunks(seed: int, shares: list[float]) -> None:
    case = long_enough(seed)
    rules = {**case.rules, "metrics": {"periods_per_year": 252.0}}
    case = replace(case, rules=rules)
    whole = simulated(case)
    columns = columns_of(case)
    arguments = arguments_of(case)
    live = ktrdr.Simulation.open(**arguments)
    length = len(case.signals)
    cuts = sorted({round(share * length) for share in shares} - {0, length})
    for low, high in zip([0, *cuts], [*cuts, length], strict=True):
        chunk = {name: column if column is None else column[low:high] for name, column in columns.items()}
        live.feed(**chunk, last=high == length)
    fed = live.result()
    for name in ("fills", "trades", "refused", "equity"):
        assert getattr(fed, name).equals(getattr(whole, name)), name
    assert fed.metrics == whole.metrics
    assert fed.blocks is None


@FEW
@given(SEEDS, st.randoms(use_true_random=False))
def test_what_a_bar_does_after_its_open_changes_no_fill_at_its_open(seed: int, rng: Random) -> None:
    case = long_enough(seed)
    before = simulated(case)
    row = rng.randrange(len(case.signals))
    bars = poisoned(case, row, rng)
    after = simulated(replace(case, bars=bars))

    # A fill at such a close would look like one at the open.
    assume(case.bars.open[row] not in (case.bars.close[row], bars.close[row]))
    assert fills_until_open(case, after.fills, row) == fills_until_open(case, before.fills, row)


def fills_until_open(case: Case, fills: Any, row: int) -> list[dict[str, Any]]:
    """The fills of the bars before a row and those at its open."""
    spread = half_spread(case.bars, complete(case.rules)["execution"], max(row - 1, 0))

    def at_open(fill: dict[str, Any]) -> bool:
        resting_at_open = fill["reason"] == "take_profit" and spread > 0 and fill["spread"] == 0
        return fill["bar"] == row and fill["reference_price"] == case.bars.open[row] and not resting_at_open

    return [fill for fill in fills.iter_rows(named=True) if fill["bar"] < row or at_open(fill)]


def poisoned(case: Case, row: int, rng: Random) -> Any:
    """The bars with everything of one row changed that is not known at its open."""
    bars = case.bars
    open_ = case.bars.open[row]
    changed = {
        "high": open_ * rng.uniform(1.2, 2.0),
        "low": open_ * rng.uniform(0.5, 0.9),
        "close": open_ * rng.uniform(0.91, 1.19),
        "half_spread": open_ * 0.001 * rng.random(),
        "atr": open_ * rng.random(),
        "conversion_rate": rng.uniform(0.5, 2.0),
    }
    columns = {name: getattr(bars, name) for name in changed}
    return replace(
        bars,
        **{
            name: [changed[name] if index == row else value for index, value in enumerate(column)]
            for name, column in columns.items()
            if column is not None
        },
    )


@FEW
@given(SEEDS)
def test_without_signals_equity_stays_where_it_was(seed: int) -> None:
    case = draw_case(seed)
    result = simulated(replace(case, signals=[0] * len(case.signals)))
    assert set(result.equity["equity"]) == {case.initial_capital}
    assert result.fills.is_empty()
    assert result.metrics["net_profit"] == 0


@FEW
@given(SEEDS, st.floats(0.01, 0.99), st.sampled_from([0.0, 0.001, 0.02]), st.sampled_from([0.0, 0.0005, 0.01]))
def test_buy_and_hold_has_a_closed_form(seed: int, fraction: float, commission: float, slippage: float) -> None:
    case = long_enough(seed)
    case = plain(
        case,
        fill="next_open",
        sizing={"kind": "cash_fraction", "fraction": fraction},
        commission={**COSTLESS["commission"], "rate": commission},
        slippage={"rate": slippage},
        spread={"half": 0.0},
        close_at_end=True,
    )
    bars = replace(case.bars, half_spread=None, conversion_rate=None)
    case = replace(case, bars=bars, signals=[1] + [0] * (len(case.signals) - 1), confidence=None)
    result = simulated(case)
    quantity = fraction * case.initial_capital / (bars.open[1] * (1 + commission))
    bought = quantity * bars.open[1] * (1 + slippage)
    assume(bought * (1 + commission) <= case.initial_capital)
    sold = quantity * bars.close[-1] * (1 - slippage)
    final = case.initial_capital - bought * (1 + commission) + sold * (1 - commission)
    assert result.final_equity == pytest.approx(final, rel=1e-9)


@FEW
@given(SEEDS, st.sampled_from([1, -1]))
def test_a_signal_on_the_last_bar_never_fills_at_the_next_open(seed: int, side: int) -> None:
    case = with_rules(draw_case(seed), fill="next_open")
    quiet = replace(case, signals=[*case.signals[:-1], 0])
    loud = replace(case, signals=[*case.signals[:-1], side])
    assert simulated(loud).fills.equals(simulated(quiet).fills)


def compared(case: Case, low: dict[str, Any], high: dict[str, Any]) -> tuple[Any, Any]:
    cheap, dear = (simulated(plain(case, **costs)) for costs in (low, high))
    assert cheap.fills["bar"].equals(dear.fills["bar"])
    return cheap.equity["equity"].to_numpy(), dear.equity["equity"].to_numpy()


@FEW
@given(
    SEEDS,
    st.sampled_from(
        [
            lambda amount: {"commission": {"rate": amount, "per_unit": 0.0, "per_fill": 0.0, "minimum": 0.0}},
            lambda amount: {"commission": {"rate": 0.0, "per_unit": amount, "per_fill": 0.0, "minimum": 0.0}},
            lambda amount: {"commission": {"rate": 0.0, "per_unit": 0.0, "per_fill": amount, "minimum": 0.0}},
            lambda amount: {"commission": {"rate": 0.001, "per_unit": 0.0, "per_fill": 0.0, "minimum": amount}},
            lambda amount: {"slippage": {"rate": amount}},
            lambda amount: {"slippage": {"range_fraction": amount}},
            lambda amount: {"financing": {"long_rate": amount, "short_rate": amount, "day_count": 365.0}},
        ]
    ),
    st.floats(0, 0.1),
    st.floats(0, 0.1),
)
def test_higher_costs_never_raise_equity(
    seed: int, costs: Callable[[float], dict[str, Any]], first: float, second: float
) -> None:
    low, high = sorted((first, second))
    cheap, dear = compared(long_enough(seed), {**COSTLESS, **costs(low)}, {**COSTLESS, **costs(high)})
    assert np.all(dear <= cheap + 1e-9 * np.abs(cheap))


@FEW
@given(SEEDS)
def test_without_costs_the_other_side_loses_what_this_one_earns(seed: int) -> None:
    case = plain(long_enough(seed), **COSTLESS)
    case = replace(case, bars=replace(case.bars, half_spread=None))
    profit = simulated(case).equity["equity"].to_numpy() - case.initial_capital
    other = simulated(replace(case, signals=[-signal for signal in case.signals]))
    np.testing.assert_allclose(
        other.equity["equity"].to_numpy() - case.initial_capital, -profit, rtol=0, atol=1e-12 * case.initial_capital
    )


@FEW
@given(SEEDS)
def test_a_higher_price_at_a_lower_quantity_is_the_same_money(seed: int) -> None:
    case = long_enough(seed)
    rules = complete(case.rules)["execution"]
    sizing = dict(rules["sizing"])
    assume(rules["commission"]["per_unit"] == 0)
    bars = case.bars
    instrument = rules["instrument"]
    if "quantity" in sizing:
        sizing["quantity"] /= FACTOR
    tick = instrument["tick_size"]
    scaled = with_rules(
        replace(case, bars=replace(bars, **{name: scaled_up(getattr(bars, name)) for name in PRICED})),
        sizing=sizing,
        spread={"half": rules["spread"]["half"] * FACTOR},
        instrument={
            **instrument,
            "lot_size": instrument["lot_size"] / FACTOR,
            "tick_size": None if tick is None else tick * FACTOR,
        },
    )
    np.testing.assert_allclose(
        simulated(scaled).equity["equity"].to_numpy(), simulated(case).equity["equity"].to_numpy(), rtol=1e-9
    )


FACTOR = 8.0  # a power of two: every level is met in both runs or in neither
PRICED = ("open", "high", "low", "close", "half_spread", "atr")


def scaled_up(column: list[float] | None) -> list[float] | None:
    return None if column is None else [FACTOR * value for value in column]

"""Runs small enough to compute by hand; the arithmetic is above each.

Unless a case says otherwise nothing costs anything, nothing is filtered, bars are hourly and the capital is 1,000.
An order placed at the close of bar 0 is filled at the open of bar 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reference.case import DAY_NS, HOUR_NS, Case, bars_of

Fill = tuple[int, int, float, float, str]  # bar, side, quantity, price, reason
Refusal = tuple[int, int, float | None, str]  # bar, side, quantity, reason
Price = float | Sequence[float]


@dataclass(frozen=True)
class HandCase:
    """A run and what must come of it; `trade` holds columns of the first round trip."""

    name: str
    case: Case
    fills: list[Fill]
    final_equity: float
    refused: list[Refusal] = field(default_factory=list)
    trade: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    equity: dict[int, float] = field(default_factory=dict)


def case_of(
    prices: Sequence[Price],
    signals: dict[int, int],
    execution: Mapping[str, Any] | None = None,
    *,
    quantity: float = 1.0,
    decisions: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    capital: float = 1_000.0,
    spacing_ns: int = HOUR_NS,
    times: list[int] | None = None,
    **columns: list[float],
) -> Case:
    """A case over free trading, with what differs."""
    free = {
        "commission": {"rate": 0.0},
        "slippage": {"rate": 0.0},
        "sizing": {"kind": "fixed_quantity", "quantity": quantity},
    }
    unfiltered = {
        "confidence_threshold": 0.0,
        "allow_short_from_flat": True,
        "filters": {"min_signal_separation": 0.0},
    }
    rules = {
        "execution": {**free, **(execution or {})},
        "decisions": {**unfiltered, **(decisions or {})},
        "metrics": metrics or {},
    }
    bars = bars_of(prices, spacing_ns, times, **columns)
    return Case(
        bars,
        [signals.get(bar, 0) for bar in range(len(prices))],
        None,
        rules,
        capital,
        timeframe_seconds=spacing_ns // 1_000_000_000,
    )


EXITS: list[HandCase] = [
    # Buys 10 at 100 x 1.001 = 100.1; stop 5 % below: 100.1 - 5.005 = 95.095. Bar 2 opens at 90, beyond it:
    # sold at 90 x 0.999 = 89.91. Gross 10 x (89.91 - 100.1) = -101.9; commission 0.001 x (1,001 + 899.1) = 1.9001.
    HandCase(
        "a stop jumped over, with slippage and commission",
        case_of(
            [100.0, 100.0, (90.0, 96.0, 89.0, 92.0)],
            {0: 1},
            {"slippage": {"rate": 0.001}, "commission": {"rate": 0.001}, "exits": {"stop_loss": {"rate": 0.05}}},
            quantity=10.0,
            capital=10_000.0,
        ),
        [(1, 1, 10.0, 100.1, "signal"), (2, -1, 10.0, 89.91, "stop_loss")],
        10_000 - 101.9 - 1.9001,
        trade={"stop_price": 95.095, "gross_pnl": -101.9, "commission": 1.9001, "slippage": 1.9},
    ),
    # Sells 10 at 100 - 0.5 = 99.5; stop 2 % above: 99.5 + 1.99 = 101.49, inside bar 2 (high 102):
    # bought at 101.49 + 0.5 = 101.99. Gross 10 x (99.5 - 101.99) = -24.9; spread 0.5 x 10, twice.
    HandCase(
        "a short's stop inside the bar, over a spread",
        case_of(
            [100.0, 100.0, (100.0, 102.0, 99.0, 101.0)],
            {0: -1},
            {"spread": {"half": 0.5}, "exits": {"stop_loss": {"rate": 0.02}}},
            quantity=10.0,
        ),
        [(1, -1, 10.0, 99.5, "signal"), (2, 1, 10.0, 101.99, "stop_loss")],
        1_000 - 24.9,
        trade={"spread": 10.0, "slippage": 0.0, "stop_price": 101.49},
    ),
    # Buys at 95.75 + 0.25 = 96; target 96 + 6 = 102. Bar 2 bids 102.25 - 0.25 = 102 at best: touched, not traded
    # through. Bar 3 bids 102.25: filled at 102, without spread or slippage. 102 - 96 = 6.
    HandCase(
        "a target is a resting order that must be traded through",
        case_of(
            [95.75, 95.75, (96.0, 102.25, 96.0, 100.0), (100.0, 102.5, 99.0, 99.0)],
            {0: 1},
            {"spread": {"half": 0.25}, "exits": {"take_profit": {"rate": 0.0625}}},
        ),
        [(1, 1, 1.0, 96.0, "signal"), (3, -1, 1.0, 102.0, "take_profit")],
        1_006.0,
        trade={"spread": 0.25, "slippage": 0.0, "target_price": 102.0},
    ),
    # The same position; bar 2 opens at 103, bid 102.75, above the target of 102: filled at 102.75, half the spread
    # booked as spread: 0.25 + 0.25. 102.75 - 96 = 6.75.
    HandCase(
        "a target jumped over is filled at the better open",
        case_of(
            [95.75, 95.75, (103.0, 104.0, 95.0, 96.0)],
            {0: 1},
            {"spread": {"half": 0.25}, "exits": {"take_profit": {"rate": 0.0625}, "stop_loss": {"rate": 0.005}}},
        ),
        [(1, 1, 1.0, 96.0, "signal"), (2, -1, 1.0, 102.75, "take_profit")],
        1_006.75,
        trade={"spread": 0.5, "slippage": 0.0},
    ),
    # Sells 10 at 100 x 0.999 = 99.9; stop 99.9 + 1.998 = 101.898; target 99.9 - 2.997 = 96.903; bar 2 has both.
    # Taken: 10 x (99.9 - 96.903) = 29.97. Had it been the stop: bought at 101.898 x 1.001 = 101.999898,
    # 10 x (99.9 - 101.999898) = -20.99898.
    HandCase(
        "an ambiguous bar of a short, taken optimistically",
        case_of(
            [100.0, 100.0, (100.0, 103.0, 96.0, 99.0)],
            {0: -1},
            {
                "slippage": {"rate": 0.001},
                "exits": {"stop_loss": {"rate": 0.02}, "take_profit": {"rate": 0.03}},
                "intrabar": "optimistic",
            },
            quantity=10.0,
            capital=10_000.0,
        ),
        [(1, -1, 10.0, 99.9, "signal"), (2, 1, 10.0, 96.903, "take_profit")],
        10_029.97,
        metrics={"ambiguous_bars": 1, "profit_pessimistic": -20.99898, "profit_optimistic": 29.97},
    ),
    # Stop 98, target 103; from the open of 101 the high of 104 is 3 away, the low of 96 is 5: the high comes first.
    HandCase(
        "the path of ohlc goes to the nearer extreme first",
        case_of(
            [100.0, 100.0, (101.0, 104.0, 96.0, 97.0)],
            {0: 1},
            {"exits": {"stop_loss": {"rate": 0.02}, "take_profit": {"rate": 0.03}}, "intrabar": "ohlc"},
        ),
        [(1, 1, 1.0, 100.0, "signal"), (2, -1, 1.0, 103.0, "take_profit")],
        1_003.0,
        metrics={"profit_pessimistic": -2.0, "profit_optimistic": 3.0},
    ),
    # Stop 98, target 103; from the open of 100 the high of 104 and the low of 96 are both 4 away: the stop comes first.
    HandCase(
        "the path of ohlc takes the adverse extreme where both are as near",
        case_of(
            [100.0, 100.0, (100.0, 104.0, 96.0, 97.0)],
            {0: 1},
            {"exits": {"stop_loss": {"rate": 0.02}, "take_profit": {"rate": 0.03}}, "intrabar": "ohlc"},
        ),
        [(1, 1, 1.0, 100.0, "signal"), (2, -1, 1.0, 98.0, "stop_loss")],
        998.0,
        metrics={"profit_pessimistic": -2.0, "profit_optimistic": 3.0},
    ),
    # Short at 100, trailing 5: 105. Bar 2's high of 103 is below it, its close of 94 moves it to 99, bar 3 touches it.
    HandCase(
        "a short's trailing stop follows the close from the next bar on",
        case_of(
            [100.0, 100.0, (100.0, 103.0, 93.0, 94.0), (95.0, 99.5, 94.0, 98.0)],
            {0: -1},
            {"exits": {"trailing_stop": {"rate": 0.05}}},
        ),
        [(1, -1, 1.0, 100.0, "signal"), (3, 1, 1.0, 99.0, "trailing_stop")],
        1_001.0,
        trade={"mfe": 7.0, "mae": -3.0},
    ),
    # Bought at the close of bar 0 at 100: trailing 95, and the bar's own high of 120 does not move it.
    # Bar 1's high of 104 moves it to 99; bar 2 opens at 97, below: sold there.
    HandCase(
        "a trailing stop on the extreme, entered at the close, jumped over",
        case_of(
            [(100.0, 120.0, 99.0, 100.0), (100.0, 104.0, 96.0, 103.0), (97.0, 98.0, 97.0, 98.0)],
            {0: 1},
            {"fill": "this_close", "exits": {"trailing_stop": {"rate": 0.05}, "trail_on": "extreme"}},
        ),
        [(0, 1, 1.0, 100.0, "signal"), (2, -1, 1.0, 97.0, "trailing_stop")],
        997.0,
        trade={"mfe": 4.0, "mae": -4.0},
    ),
    # The ATR counts that was known when the order was decided: bar 0 has none (refused), bar 1 has 2: stop
    # 100 - 2 x 2 = 96, whatever bar 2 has. Bar 3 touches 96.
    HandCase(
        "a stop in ATR needs the ATR of the decision's bar",
        case_of(
            [100.0, 100.0, 100.0, (100.0, 100.0, 95.0, 97.0)],
            {0: 1, 1: 1},
            {"exits": {"stop_loss": {"atr": 2.0}}},
            atr=[float("nan"), 2.0, 50.0, 50.0],
        ),
        [(2, 1, 1.0, 100.0, "signal"), (3, -1, 1.0, 96.0, "stop_loss")],
        996.0,
        refused=[(1, 1, None, "stop_distance")],
    ),
    # 1.085 less 3 % is 1.05245, in floats 1.0524499999999999: the low of bar 2 touches it. 1.05245 - 1.085 = -0.03255.
    HandCase(
        "a stop touched exactly",
        case_of([1.085, 1.085, (1.085, 1.09, 1.05245, 1.06)], {0: 1}, {"exits": {"stop_loss": {"rate": 0.03}}}),
        [(1, 1, 1.0, 1.085, "signal"), (2, -1, 1.0, 1.05245, "stop_loss")],
        1_000 - 0.03255,
    ),
    # 100.1 plus 2 % is 102.102, in floats 102.10199999999999: the high of bar 2 touches it, which fills no resting
    # order; that of bar 3 is one step higher. Sold at 102.102: 2.002.
    HandCase(
        "a target touched exactly is not traded through",
        case_of(
            [100.1, 100.1, (100.1, 102.102, 100.0, 101.0), (101.0, 102.103, 100.0, 101.0)],
            {0: 1},
            {"exits": {"take_profit": {"rate": 0.02}}},
        ),
        [(1, 1, 1.0, 100.1, "signal"), (3, -1, 1.0, 102.102, "take_profit")],
        1_002.002,
    ),
    # The trailing stop of 1.085 - 0.03255 and the stop of 1.085 x 0.97 are both 1.05245: the stop names the fill.
    HandCase(
        "equal levels are named in their order",
        case_of(
            [1.085, 1.085, (1.085, 1.09, 1.05, 1.06)],
            {0: 1},
            {"exits": {"stop_loss": {"rate": 0.03}, "trailing_stop": {"atr": 0.03255}}},
            atr=[1.0, 1.0, 1.0],
        ),
        [(1, 1, 1.0, 1.085, "signal"), (2, -1, 1.0, 1.05245, "stop_loss")],
        1_000 - 0.03255,
    ),
    # Short at 100; ticks of 0.25: the stop 1 ATR above is 101.2500002, which is the tick of 101.25: touched.
    HandCase(
        "a level is the tick that it lies on",
        case_of(
            [100.0, 100.0, (100.0, 101.25, 99.0, 100.0)],
            {0: -1},
            {"exits": {"stop_loss": {"atr": 1.0}}, "instrument": {"tick_size": 0.25}},
            atr=[1.2500002, 1.0, 1.0],
        ),
        [(1, -1, 1.0, 100.0, "signal"), (2, 1, 1.0, 101.25, "stop_loss")],
        998.75,
        trade={"stop_price": 101.25},
    ),
]


ORDERS: list[HandCase] = [
    # At the close: buy 2 at 50; at 55 sell 2 (+10) and sell short 2; at the end buy back at 52 (+6).
    # Commission 1 % of 100, 110, 110 and 104: 4.24.
    HandCase(
        "a reversal at the close",
        case_of(
            [50.0, 55.0, 52.0],
            {0: 1, 1: -1},
            {"fill": "this_close", "on_opposite": "reverse", "commission": {"rate": 0.01}},
            quantity=2.0,
        ),
        [
            (0, 1, 2.0, 50.0, "signal"),
            (1, -1, 2.0, 55.0, "signal"),
            (1, -1, 2.0, 55.0, "signal"),
            (2, 1, 2.0, 52.0, "end_of_data"),
        ],
        1_000 + 10 + 6 - 4.24,
        # At the close of bar 1: 1,000 - 1 + 10 - 1.1 - 1.1, nothing open gained yet.
        equity={0: 999.0, 1: 1_006.8},
    ),
    # On the last bar a reversal only closes; its other half would be closed at once and is refused.
    # Bought at 100, sold at 100: neither a win nor a loss, so the profit factor is 0.
    HandCase(
        "a reversal on the last bar only closes",
        case_of([100.0, 110.0, 100.0], {0: 1, 2: -1}, {"fill": "this_close", "on_opposite": "reverse"}),
        [(0, 1, 1.0, 100.0, "signal"), (2, -1, 1.0, 100.0, "signal")],
        1_000.0,
        refused=[(2, -1, None, "end_of_data")],
        metrics={"profit_factor": 0.0, "wins": 0, "losses": 0, "refused_orders": 1},
        equity={1: 1_010.0},
    ),
    # Booleans: long at 100, reversed at 110 (+10) though an opposite order closes, closed at 104 (+6); flat, an exit
    # has nothing to close.
    HandCase(
        "entries reverse and exits only close",
        case_of([100.0, 100.0, 110.0, 104.0, 104.0], {0: 3, 1: -3, 2: 2, 3: 4}),
        [
            (1, 1, 1.0, 100.0, "signal"),
            (2, -1, 1.0, 110.0, "signal"),
            (2, -1, 1.0, 110.0, "signal"),
            (3, 1, 1.0, 104.0, "signal"),
        ],
        1_016.0,
    ),
    # Reverse is set, and an exit opens nothing: long at 100, closed at 110, and no short.
    HandCase(
        "an exit opens nothing where an opposite order reverses",
        case_of([100.0, 100.0, 110.0, 90.0], {0: 3, 1: -2, 2: -2}, {"on_opposite": "reverse"}),
        [(1, 1, 1.0, 100.0, "signal"), (2, -1, 1.0, 110.0, "signal")],
        1_010.0,
    ),
    # 95 buys 1 at 95. At 76 the close leaves 100 - 19 = 81, less than the 95 that the short would need:
    # the closing leg is filled, the opening leg of 95 / 76 = 1.25 is refused.
    HandCase(
        "a reversal whose second leg is not acceptable",
        case_of(
            [95.0, 95.0, 76.0],
            {0: 1, 1: -1},
            {"sizing": {"kind": "fixed_notional", "notional": 95.0}, "on_opposite": "reverse"},
            capital=100.0,
        ),
        [(1, 1, 1.0, 95.0, "signal"), (2, -1, 1.0, 76.0, "signal")],
        81.0,
        refused=[(2, -1, 1.25, "margin")],
    ),
    # Entered at the open of bar 1; two bars later, at the open of bar 3, the limit would close. The order placed at
    # the close of bar 2 takes precedence and gives the reason.
    HandCase(
        "an order takes precedence over the holding limit",
        case_of([100.0, 100.0, 101.0, 102.0, 103.0], {0: 1, 2: -1}, {"exits": {"max_holding_bars": 2}}),
        [(1, 1, 1.0, 100.0, "signal"), (3, -1, 1.0, 102.0, "signal")],
        1_002.0,
    ),
    # Filled on bar 1; the sell of bar 2 is one hour after it, under 1.5; that of bar 3 is two: filled on bar 4.
    # The buy of bar 5 is again one hour after a fill; that of bar 6 is placed but finds no bar.
    HandCase(
        "every fill starts the clock of the separation",
        case_of(
            [100.0, 100.0, 101.0, 102.0, 103.0, 104.0, 105.0],
            {0: 1, 2: -1, 3: -1, 5: 1, 6: 1},
            decisions={"filters": {"min_signal_separation": 1.5}},
        ),
        [(1, 1, 1.0, 100.0, "signal"), (4, -1, 1.0, 103.0, "signal")],
        1_003.0,
        refused=[(6, 1, None, "end_of_data")],
    ),
    # 1,000 would buy 10 at 100; at 100 + 2 it buys 9 for 918. Marked at 100: 1,000 - 18; closed at 98: 1,000 - 36.
    HandCase(
        "a fraction of cash shrinks until the spread can be paid",
        case_of(
            [100.0, 100.0, 100.0],
            {0: 1},
            {
                "sizing": {"kind": "cash_fraction", "fraction": 1.0},
                "spread": {"half": 2.0},
                "instrument": {"lot_size": 1.0},
            },
        ),
        [(1, 1, 9.0, 102.0, "signal"), (2, -1, 9.0, 98.0, "end_of_data")],
        964.0,
        equity={1: 982.0},
    ),
    # 0.25 x 1,000 / 100 = 2.5 units are half a lot of 5: refused with the quantity wanted. At 50 it is one lot.
    HandCase(
        "less than a lot is refused",
        case_of(
            [100.0, 100.0, 50.0, 60.0],
            {0: 1, 1: 1},
            {"sizing": {"kind": "cash_fraction", "fraction": 0.25}, "instrument": {"lot_size": 5.0}},
        ),
        [(2, 1, 5.0, 50.0, "signal"), (3, -1, 5.0, 60.0, "end_of_data")],
        1_050.0,
        refused=[(1, 1, 2.5, "below_lot")],
    ),
    # With awareness off, a second buy is refused on its own bar and nothing is added.
    HandCase(
        "a buy while long",
        case_of([100.0, 100.0, 110.0, 120.0], {0: 1, 1: 1}, decisions={"position_awareness": False}),
        [(1, 1, 1.0, 100.0, "signal"), (3, -1, 1.0, 120.0, "end_of_data")],
        1_020.0,
        refused=[(1, 1, None, "already_in_position")],
    ),
]


MARGIN: list[HandCase] = [
    # 50 x 100 = 5,000 on 1,000 with leverage 10 needs 500 + 10. Cash 990; requirement 0.5 x 5,000 / 10 = 250:
    # 990 + 50 (P - 100) = 250 at P = 85.2. Sold there, less 10 more: 240.
    HandCase(
        "a borrowed long is liquidated",
        case_of(
            [100.0, 100.0, (95.0, 96.0, 80.0, 90.0)],
            {0: 1},
            {"margin": {"max_leverage": 10.0, "maintenance": 0.5}, "commission": {"rate": 0.0, "per_fill": 10.0}},
            quantity=50.0,
        ),
        [(1, 1, 50.0, 100.0, "signal"), (2, -1, 50.0, 85.2, "liquidation")],
        240.0,
    ),
    # Short 10 at 100 on 1,000: requirement 500; 1,000 + 10 (100 - P) = 500 at P = 150. The open of 170 is beyond:
    # bought there, 1,000 - 700.
    HandCase(
        "a short is liquidated at an open beyond its level",
        case_of([100.0, 100.0, (170.0, 175.0, 140.0, 150.0)], {0: -1}, quantity=10.0),
        [(1, -1, 10.0, 100.0, "signal"), (2, 1, 10.0, 170.0, "liquidation")],
        300.0,
    ),
    # Financing moves the level. Short 10 at 100, 36.5 % a year is 0.1 % a day: after one day 1 of 1,000 (10 x 100 x
    # 0.001) is gone: 999 + 10 (100 - P) = 500 at P = 149.9.
    HandCase(
        "a short pays and is liquidated sooner",
        case_of(
            [100.0, 100.0, (140.0, 149.95, 130.0, 140.0)],
            {0: -1},
            {"financing": {"short_rate": 0.365}},
            quantity=10.0,
            spacing_ns=DAY_NS,
        ),
        [(1, -1, 10.0, 100.0, "signal"), (2, 1, 10.0, 149.9, "liquidation")],
        500.0,
        trade={"financing": 1.0, "gross_pnl": -499.0},
    ),
]


MONEY: list[HandCase] = [
    # The open of bar 1 knows row 0's rate of 0.5: notional 500, commission 5. The close of bar 1 has its own, 0.4:
    # 995 + 0.4 x (1,100 - 1,000) = 1,035. The open of bar 2 still knows 0.4: gross 0.4 x 200 = 80, commission
    # 0.01 x 1,200 x 0.4 = 4.8. Bar 2's rate of 0.25 changes nothing.
    HandCase(
        "position money stays in the quote currency until flat",
        case_of(
            [100.0, (100.0, 110.0, 100.0, 110.0), 120.0],
            {0: 1, 1: -1},
            {"commission": {"rate": 0.01}},
            quantity=10.0,
            conversion_rate=[0.5, 0.4, 0.25],
        ),
        [(1, 1, 10.0, 100.0, "signal"), (2, -1, 10.0, 120.0, "signal")],
        1_000 - 5 + 80 - 4.8,
        trade={"gross_pnl": 80.0, "commission": 9.8, "return_rate": (80 - 9.8) / 500},
        equity={1: 1_035.0},
    ),
    # Bought at 100.2: up to 100.5. Sold at 103.4: down to 103. The tick is slippage: 0.3 + 0.4.
    HandCase(
        "ticks round against the trader",
        case_of([100.0, 100.2, 103.4], {0: 1, 1: -1}, {"instrument": {"tick_size": 0.5}}),
        [(1, 1, 1.0, 100.5, "signal"), (2, -1, 1.0, 103.0, "signal")],
        1_002.5,
        trade={"slippage": 0.7, "spread": 0.0},
    ),
    # Bought at 100; target 100 x 1.025 = 102.5, no multiple of 0.4 (256.25 ticks): sold at 256 x 0.4 = 102.4.
    HandCase(
        "a target is rounded too, its level is not",
        case_of(
            [100.0, 100.0, (100.0, 103.0, 100.0, 101.0)],
            {0: 1},
            {"instrument": {"tick_size": 0.4}, "exits": {"take_profit": {"rate": 0.025}}},
        ),
        [(1, 1, 1.0, 100.0, "signal"), (2, -1, 1.0, 102.4, "take_profit")],
        1_002.4,
        trade={"target_price": 102.5, "slippage": 0.1},
    ),
    # 100 + 0.125 + 2 x 0.25 = 100.625, up to 100.75; 101 - 0.125 - 0.5 = 100.375, down to 100.25.
    # Spread 0.125 twice, slippage the rest: 0.625 twice. Money x 3 units x multiplier 10.
    HandCase(
        "slippage in ticks over a spread, with a multiplier",
        case_of(
            [100.0, 100.0, 101.0],
            {0: 1, 1: -1},
            {
                "slippage": {"ticks": 2.0},
                "spread": {"half": 0.125},
                "instrument": {"tick_size": 0.25, "contract_multiplier": 10.0},
            },
            quantity=3.0,
            capital=10_000.0,
        ),
        [(1, 1, 3.0, 100.75, "signal"), (2, -1, 3.0, 100.25, "signal")],
        10_000 - 0.5 * 30,
        trade={"spread": 0.25 * 30, "slippage": 1.25 * 30},
    ),
    # Bar 0 is its own previous bar: 100 + 0.25 x (104 - 100) = 101 at its close; at the close of bar 2 the range of
    # bar 1 counts: 100 - 0.25 x (110 - 90) = 95.
    HandCase(
        "slippage as a fraction of the previous bar's range",
        case_of(
            [(100.0, 104.0, 100.0, 100.0), (100.0, 110.0, 90.0, 100.0), 100.0, 100.0],
            {0: 1, 2: -1},
            {"fill": "this_close", "slippage": {"range_fraction": 0.25}},
        ),
        [(0, 1, 1.0, 101.0, "signal"), (2, -1, 1.0, 95.0, "signal")],
        994.0,
    ),
    # 36.5 % a year is 0.1 % a day; day 0, 1 January 1970, is a Thursday. Bought on Friday; Monday pays 3 days on
    # Friday's close of 110: 10 x 110 x 0.003 = 3.3; Tuesday one day on 120: 1.2, then it is sold: 200 - 4.5.
    HandCase(
        "financing counts the weekend",
        case_of(
            [100.0, (100.0, 110.0, 100.0, 110.0), (110.0, 120.0, 110.0, 120.0), 120.0],
            {0: 1, 2: -1},
            {"financing": {"long_rate": 0.365}},
            quantity=10.0,
            capital=2_000.0,
            spacing_ns=DAY_NS,
            times=[0, DAY_NS, 4 * DAY_NS, 5 * DAY_NS],
        ),
        [(1, 1, 10.0, 100.0, "signal"), (3, -1, 10.0, 120.0, "signal")],
        2_195.5,
        trade={"financing": 4.5, "hours_held": 96.0, "bars_held": 2},
        equity={2: 2_196.7},
    ),
    # 100 units at 100: 0.001 x 10,000 + 0.01 x 100 + 1 = 12, under the minimum: 12.05. At 110: 11 + 1 + 1 = 13.
    HandCase(
        "the parts of a commission and its minimum",
        case_of(
            [100.0, 100.0, 110.0],
            {0: 1, 1: -1},
            {"commission": {"rate": 0.001, "per_unit": 0.01, "per_fill": 1.0, "minimum": 12.05}},
            quantity=100.0,
            capital=20_000.0,
        ),
        [(1, 1, 100.0, 100.0, "signal"), (2, -1, 100.0, 110.0, "signal")],
        20_000 + 1_000 - 12.05 - 13,
        trade={"commission": 25.05},
    ),
    # Held through bars 1 (98 to 103) and 2 (99 to 105); left at the open of bar 3 at 101, whose low of 90 it did
    # not see: 10 x 5 and 10 x -2.
    HandCase(
        "excursions end with the open that was sold",
        case_of(
            [100.0, (100.0, 103.0, 98.0, 100.0), (100.0, 105.0, 99.0, 101.0), (101.0, 120.0, 90.0, 95.0)],
            {0: 1, 2: -1},
            quantity=10.0,
        ),
        [(1, 1, 10.0, 100.0, "signal"), (3, -1, 10.0, 101.0, "signal")],
        1_010.0,
        trade={"mfe": 50.0, "mae": -20.0, "mfe_rate": 0.05, "mae_rate": -0.02},
    ),
]


# Days of January 1970: 1 is a Thursday, 4 and 11 are Sundays.
DAYS: list[HandCase] = [
    # Sunday to Thursday: no Friday has bars, so no Sunday belongs to a Monday. Ten days, ten periods.
    HandCase(
        "a market of Sunday to Thursday keeps its Sundays",
        case_of(
            [100.0] * 10, {}, spacing_ns=DAY_NS, times=[(day - 1) * DAY_NS for day in (4, *range(5, 9), *range(11, 16))]
        ),
        [],
        1_000.0,
        metrics={"daily_returns": 10},
    ),
    # Sunday to Friday: two Sundays belong to their Mondays. Eleven days, nine periods.
    HandCase(
        "a market that opens on Sunday evening",
        case_of(
            [100.0] * 11, {}, spacing_ns=DAY_NS, times=[(day - 1) * DAY_NS for day in (*range(4, 10), *range(11, 16))]
        ),
        [],
        1_000.0,
        metrics={"daily_returns": 9},
    ),
    # All days of a week and a half, at 252 periods a year: Saturdays trade, so Sundays are days like the others.
    HandCase(
        "a market without a weekend keeps its Sundays, however many periods a year is given",
        case_of([100.0] * 11, {}, metrics={"periods_per_year": 252.0}, spacing_ns=DAY_NS),
        [],
        1_000.0,
        metrics={"daily_returns": 11},
    ),
]


HAND_CASES: list[HandCase] = [*EXITS, *ORDERS, *MARGIN, *MONEY, *DAYS]

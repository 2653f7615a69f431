"""Costs of a fill, and the size of an order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from reference.rules import Rules

NS_PER_SECOND = 1_000_000_000
NS_PER_YEAR = 365.25 * 86_400 * NS_PER_SECOND


class FillPriceError(ValueError):
    """A market fill would have happened at a price of zero or below."""


@dataclass(frozen=True)
class Bars:
    """Columns of equal length; `time` is the bar's open in nanoseconds UTC."""

    time: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    half_spread: list[float] | None = None
    atr: list[float] | None = None
    conversion_rate: list[float] | None = None


def half_spread(bars: Bars, execution: Rules, row: int) -> float:
    """The column where there is one, else the rule's."""
    if bars.half_spread is not None:
        return bars.half_spread[row]
    return float(execution["spread"]["half"])


def conversion(bars: Bars, row: int) -> float:
    """Account currency per unit of quote currency."""
    return 1.0 if bars.conversion_rate is None else bars.conversion_rate[row]


def rounded_to_tick(price: float, side: int, tick: float | None) -> float:
    """Rounds away from the trader's favour, unless the price is on a tick already."""
    if tick is None:
        return price
    ticks = price / tick
    if abs(ticks - round(ticks)) <= 1e-6:
        return price
    return math.ceil(ticks) * tick if side > 0 else math.floor(ticks) * tick


def market_price(bars: Bars, execution: Rules, bar: int, reference: float, side: int, half: float) -> float:
    """The price of a market fill, unchecked."""
    slippage = execution["slippage"]
    tick = execution["instrument"]["tick_size"]
    price = reference + side * half
    if "rate" in slippage:
        price *= 1 + side * slippage["rate"]
    elif "ticks" in slippage:
        price += side * slippage["ticks"] * tick
    else:
        previous = max(bar - 1, 0)
        price += side * slippage["range_fraction"] * (bars.high[previous] - bars.low[previous])
    return rounded_to_tick(price, side, tick)


def checked(price: float) -> float:
    """The price, if it can be traded."""
    if price <= 0:
        raise FillPriceError(price)
    return price


def commission(execution: Rules, notional: float, quantity: float) -> float:
    """One fill's commission in account currency."""
    terms = execution["commission"]
    return max(
        terms["minimum"],
        terms["rate"] * notional + terms["per_unit"] * quantity + terms["per_fill"],
    )


def annual_volatility(bars: Bars, decision_bar: int, window: int) -> float | None:
    """Root of the sum of squared log returns per year; None where it is not defined or zero."""
    first = decision_bar - window
    if first < 0:
        return None
    squares = [math.log(bars.close[row] / bars.close[row - 1]) ** 2 for row in range(first + 1, decision_bar + 1)]
    years = (bars.time[decision_bar] - bars.time[first]) / NS_PER_YEAR
    sigma = math.sqrt(math.fsum(squares) / years)
    return sigma if math.isfinite(sigma) and sigma > 0 else None


def wanted_quantity(
    bars: Bars, execution: Rules, equity: float, cash: float, unit_value: float, decision_bar: int
) -> float | None:
    """The quantity before rounding to lots; None where a volatility is asked for and there is none."""
    sizing: dict[str, Any] = execution["sizing"]
    with_commission = unit_value * (1 + execution["commission"]["rate"])
    kind = sizing["kind"]
    if kind == "fixed_quantity":
        return float(sizing["quantity"])
    if kind == "fixed_notional":
        return float(sizing["notional"]) / unit_value
    if kind == "cash_fraction":
        return float(sizing["fraction"]) * cash / with_commission
    if kind == "equity_fraction":
        return float(sizing["fraction"]) * equity / with_commission
    sigma = annual_volatility(bars, decision_bar, sizing["window"])
    if sigma is None:
        return None
    return min(sizing["annual"] / sigma, execution["margin"]["max_leverage"]) * equity / unit_value


def whole_lots(quantity: float, lot_size: float) -> int:
    """Returns the number of whole lots in a quantity; nearly a whole one counts."""
    lots = quantity / lot_size
    nearest = round(lots)
    if abs(lots - nearest) <= max(1e-6, 1e-12 * lots):
        return nearest
    return math.floor(lots)


def acceptable(execution: Rules, quantity: float, unit_cost: float, equity: float) -> bool:
    """Returns whether the account can carry an opening fill; `unit_cost` is one unit at its price, account currency."""
    notional = quantity * unit_cost
    needed = notional / execution["margin"]["max_leverage"] + commission(execution, notional, quantity)
    return bool(needed <= equity * (1 + 1e-12))


def affordable_lots(execution: Rules, lots: int, unit_cost: float, equity: float) -> int:
    """The largest acceptable number of lots: all, or fewer for a fraction, or none."""
    lot_size = execution["instrument"]["lot_size"]
    if acceptable(execution, lots * lot_size, unit_cost, equity):
        return lots
    if execution["sizing"]["kind"] in ("fixed_quantity", "fixed_notional"):
        return 0
    accepted = 0
    refused = lots
    while refused - accepted > 1:
        middle = (accepted + refused) // 2
        if acceptable(execution, middle * lot_size, unit_cost, equity):
            accepted = middle
        else:
            refused = middle
    return accepted

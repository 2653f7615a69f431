"""Rules as plain mappings, for type checkers and editors; `strategy/rules.py` checks the values.

A test compares every mapping with its model, key by key. Every key may be left out, and then takes its default.
"""

from __future__ import annotations

from typing import Literal, Required, TypedDict

from ktrdr.strategy.rules import DecisionRules, ExecutionRules, MetricsRules


class CashFractionMapping(TypedDict, total=False):
    """Keys of `CashFraction`: a fraction of the cash at hand."""

    kind: Required[Literal["cash_fraction"]]
    fraction: Required[float]


class EquityFractionMapping(TypedDict, total=False):
    """Keys of `EquityFraction`: a fraction of equity."""

    kind: Required[Literal["equity_fraction"]]
    fraction: Required[float]


class FixedQuantityMapping(TypedDict, total=False):
    """Keys of `FixedQuantity`: units of the instrument."""

    kind: Required[Literal["fixed_quantity"]]
    quantity: Required[float]


class FixedNotionalMapping(TypedDict, total=False):
    """Keys of `FixedNotional`: account currency."""

    kind: Required[Literal["fixed_notional"]]
    notional: Required[float]


class VolatilityTargetMapping(TypedDict, total=False):
    """Keys of `VolatilityTarget`: an annual rate, and a number of returns."""

    kind: Required[Literal["volatility_target"]]
    annual: Required[float]
    window: Required[int]


SizingMapping = (
    CashFractionMapping | EquityFractionMapping | FixedQuantityMapping | FixedNotionalMapping | VolatilityTargetMapping
)


class CommissionMapping(TypedDict, total=False):
    """Keys of `Commission`: a rate of notional, and account currency."""

    rate: float
    per_unit: float
    per_fill: float
    minimum: float


class SlippageMapping(TypedDict, total=False):
    """Keys of `Slippage`, of which exactly one is given."""

    rate: float | None
    ticks: float | None
    range_fraction: float | None


class SpreadMapping(TypedDict, total=False):
    """Keys of `Spread`: price units."""

    half: float


class FinancingMapping(TypedDict, total=False):
    """Keys of `Financing`: annual rates, and days in a year."""

    long_rate: float
    short_rate: float
    day_count: float


class ExitLevelMapping(TypedDict, total=False):
    """Keys of `ExitLevel`, of which exactly one is given."""

    rate: float | None
    atr: float | None


class ExitsMapping(TypedDict, total=False):
    """Keys of `Exits`: levels that close a position without a signal."""

    stop_loss: ExitLevelMapping | None
    take_profit: ExitLevelMapping | None
    trailing_stop: ExitLevelMapping | None
    trail_on: Literal["close", "extreme"]
    max_holding_bars: int | None
    atr_period: int


class MarginMapping(TypedDict, total=False):
    """Keys of `Margin`: a factor, and a share of the entry margin."""

    max_leverage: float
    maintenance: float


class InstrumentMapping(TypedDict, total=False):
    """Keys of `Instrument`: steps of price and quantity."""

    tick_size: float | None
    lot_size: float
    contract_multiplier: float


class ExecutionMapping(TypedDict, total=False):
    """Keys of `ExecutionRules`: how orders fill, and what that costs.

    >>> rules: ExecutionMapping = {"commission": {"rate": 0.0}, "slippage": {"ticks": 1}}
    """

    fill: Literal["next_open", "this_close"]
    sizing: SizingMapping
    commission: CommissionMapping
    slippage: SlippageMapping
    spread: SpreadMapping
    financing: FinancingMapping
    exits: ExitsMapping
    intrabar: Literal["pessimistic", "optimistic", "ohlc"]
    on_opposite: Literal["close", "reverse"]
    allow_short: bool
    margin: MarginMapping
    instrument: InstrumentMapping
    close_at_end: bool


class FiltersMapping(TypedDict, total=False):
    """Keys of `Filters`: hours between fills."""

    min_signal_separation: float


class DecisionsMapping(TypedDict, total=False):
    """Keys of `DecisionRules`: tests that a signal passes to become an order."""

    confidence_threshold: float
    position_awareness: bool
    allow_short_from_flat: bool
    filters: FiltersMapping


class MetricsMapping(TypedDict, total=False):
    """Keys of `MetricsRules`: periods to annualise by, and the risk-free rate."""

    periods_per_year: float | None
    risk_free_rate: float


Execution = ExecutionRules | ExecutionMapping | None
"""Rules of execution as a caller may give them; None means the defaults."""
Decisions = DecisionRules | DecisionsMapping | None
"""Rules of decisions as a caller may give them; None means the defaults."""
Metrics = MetricsRules | MetricsMapping | None
"""Rules of metrics as a caller may give them; None means the defaults."""

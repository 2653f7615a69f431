"""Rules of a simulation, with their ranges and defaults.

The same keys stand in a strategy file (``execution:``, ``decisions:``, ``metrics:``), in keyword arguments
in Python, in HTTP bodies and behind ``--set``. ``to_core`` is what the Rust core is given: every key,
defaults filled in.

>>> parse_execution({"slippage": {"ticks": 1}, "instrument": {"tick_size": 0.25}}).to_core()["slippage"]
{'ticks': 1.0}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from ktrdr.config.fields import Bars, NotNegative, Positive, Rate, about
from ktrdr.config.merge import merge
from ktrdr.config.notice import Notice
from ktrdr.config.place import Place
from ktrdr.config.plain import plain
from ktrdr.config.strict import ModelT, Part, reject, validate
from ktrdr.errors import ConfigMissing, ConfigRange

CHOICES = frozenset({"sizing", "slippage", "stop_loss", "take_profit", "trailing_stop"})


class CashFraction(Part):
    """Sizing that spends a fraction of the cash, commission included."""

    kind: Literal["cash_fraction"] = "cash_fraction"
    fraction: Annotated[
        float,
        Field(gt=0, le=1),
        about("share of the cash that an entry spends at its open, with its rate of commission", "rate"),
    ]


class EquityFraction(Part):
    """Sizing that holds a fraction of equity, up to the leverage limit."""

    kind: Literal["equity_fraction"] = "equity_fraction"
    fraction: Annotated[
        Positive,
        about(
            "notional of an entry at its open with its rate of commission, as a share of equity, up to max_leverage",
            "rate",
        ),
    ]


class FixedQuantity(Part):
    """Sizing that trades the same quantity every time."""

    kind: Literal["fixed_quantity"] = "fixed_quantity"
    quantity: Annotated[Positive, about("quantity of every entry", "units")]


class FixedNotional(Part):
    """Sizing that trades the same notional every time, in account currency."""

    kind: Literal["fixed_notional"] = "fixed_notional"
    notional: Annotated[Positive, about("notional of every entry", "account currency")]


class VolatilityTarget(Part):
    """Sizing that aims at an ``annual`` volatility (a rate), measured over ``window`` close-to-close log returns.

    The sum of their squares is divided by the calendar time between the first and the last bar; a year has 365.25 days.
    So a night or a weekend without bars inside the window lowers the volatility, and raises the quantity.
    """

    kind: Literal["volatility_target"] = "volatility_target"
    annual: Annotated[Positive, about("volatility that the position aims at", "rate a year")]
    window: Annotated[
        int, Field(ge=2, le=128), about("close-to-close returns whose volatility over calendar time is taken", "bars")
    ]


Sizing = Annotated[
    CashFraction | EquityFraction | FixedQuantity | FixedNotional | VolatilityTarget, Field(discriminator="kind")
]


class OneOf(Part):
    """A choice between keys of which exactly one is given."""

    @model_validator(mode="after")
    def _exactly_one(self) -> OneOf:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            names = ", ".join(type(self).model_fields)
            leaf = ConfigRange if given else ConfigMissing
            raise reject(
                leaf, "exactly one key is needed", found=", ".join(given) or "none", expected=f"one of {names}"
            )
        return self


class Commission(Part):
    """Commission of a fill: max(minimum, rate x notional + per_unit x quantity + per_fill)."""

    rate: Annotated[Rate, about("share of the notional of a fill", "rate")] = 0.001
    per_unit: Annotated[NotNegative, about("amount for each unit of quantity", "account currency")] = 0.0
    per_fill: Annotated[NotNegative, about("amount for each fill", "account currency")] = 0.0
    minimum: Annotated[NotNegative, about("least commission of a fill", "account currency")] = 0.0


class Slippage(OneOf):
    """Loss of a market fill against the reference price: a rate, ticks, or a fraction of the previous bar's range."""

    rate: Annotated[Rate | None, about("loss of a market fill as a share of its price", "rate")] = None
    ticks: Annotated[
        NotNegative | None, about("loss of a market fill in ticks; needs instrument.tick_size", "ticks")
    ] = None
    range_fraction: Annotated[
        NotNegative | None, about("loss of a market fill as a share of the range of the bar before", "rate")
    ] = None


class Spread(Part):
    """Half the spread, as a price difference; a bars column ``half_spread`` replaces it."""

    half: Annotated[NotNegative, about("half the spread; a column half_spread of the bars replaces it", "price")] = 0.0


class Financing(Part):
    """Annual rates on notional held over from bar to bar; positive is a cost."""

    long_rate: Annotated[
        float,
        about("yearly rate on the notional of a long position held to the next bar; positive is a cost", "rate a year"),
    ] = 0.0
    short_rate: Annotated[
        float,
        about(
            "yearly rate on the notional of a short position held to the next bar; positive is a cost", "rate a year"
        ),
    ] = 0.0
    day_count: Annotated[Positive, about("days of a year of financing", "days")] = 365.0


class ExitLevel(OneOf):
    """The distance of an exit from the entry fill: a rate of its price, or multiples of ATR."""

    rate: Annotated[Positive | None, about("distance from the entry as a share of its price", "rate")] = None
    atr: Annotated[Positive | None, about("distance from the entry in average true ranges", "ATR")] = None


class Exits(Part):
    """Levels and clocks that close a position without a signal."""

    stop_loss: Annotated[ExitLevel | None, about("level against the position that closes it")] = None
    take_profit: Annotated[ExitLevel | None, about("level in favour of the position that closes it")] = None
    trailing_stop: Annotated[ExitLevel | None, about("level that follows the best price and closes the position")] = (
        None
    )
    bare: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("stop_loss", "take_profit", "trailing_stop"), "{rate: #}, or {atr: MULTIPLE}"
    )

    trail_on: Annotated[Literal["close", "extreme"], about("price that a trailing stop follows")] = "close"
    max_holding_bars: Annotated[
        Annotated[int, Field(ge=1)] | None, about("bars after which a position is closed", "bars")
    ] = None
    atr_period: Annotated[Bars, about("period of the average true range of the levels", "bars")] = 14


class Margin(Part):
    """Limit of leverage, and the share of the entry margin at which a position is liquidated."""

    max_leverage: Annotated[float, Field(ge=1), about("greatest notional by equity at an entry", "ratio")] = 1.0
    maintenance: Annotated[Rate, about("share of the entry margin at which a position is liquidated", "rate")] = 0.5


class Instrument(Part):
    """Steps of price and quantity, and the value of one point."""

    tick_size: Annotated[Positive | None, about("step of prices; prices of fills are rounded to it", "price")] = None
    lot_size: Annotated[Positive, about("step of quantities; a quantity is rounded down to it", "units")] = 1.0e-8
    contract_multiplier: Annotated[Positive, about("value of one point of price for one unit", "quote currency")] = 1.0


class ExecutionRules(Part):
    """Rules that turn orders into fills, with their costs."""

    bare: ClassVar[Mapping[str, str]] = {
        "sizing": "{kind: cash_fraction, fraction: #}",
        "commission": "{rate: #}",
        "slippage": "{rate: #}, or {ticks: NUMBER}",
        "spread": "{half: #}, or half of it if # is the whole spread",
        "financing": "{long_rate: #, short_rate: #}",
        "exits": "{stop_loss: {rate: #}}",
        "margin": "{max_leverage: #}",
        "instrument": "{tick_size: #}",
    }

    fill: Annotated[
        Literal["next_open", "this_close"], about("price of a market fill: the next open, or the close of the decision")
    ] = "next_open"
    sizing: Annotated[Sizing, about("quantity of an entry")] = CashFraction(fraction=0.25)
    commission: Commission = Commission()
    slippage: Slippage = Slippage(rate=0.0005)
    spread: Spread = Spread()
    financing: Financing = Financing()
    exits: Exits = Exits()
    intrabar: Annotated[
        Literal["pessimistic", "optimistic", "ohlc"], about("order of the levels that one bar touches")
    ] = "pessimistic"
    on_opposite: Annotated[Literal["close", "reverse"], about("effect of a signal against the open position")] = "close"
    allow_short: Annotated[bool, about("short positions are allowed")] = True
    margin: Margin = Margin()
    instrument: Instrument = Instrument()
    close_at_end: Annotated[bool, about("the last close ends an open position")] = True

    @model_validator(mode="after")
    def _agree(self) -> ExecutionRules:
        if isinstance(self.sizing, EquityFraction) and self.sizing.fraction > self.margin.max_leverage:
            expected = f"<= margin.max_leverage ({self.margin.max_leverage:g})"
            raise reject(
                ConfigRange, "out of range", "sizing", "fraction", found=self.sizing.fraction, expected=expected
            )
        if self.slippage.ticks is not None and self.instrument.tick_size is None:
            raise reject(ConfigMissing, "slippage in ticks needs a tick size", "instrument", "tick_size")
        return self

    @property
    def levels(self) -> tuple[ExitLevel, ...]:
        """Returns the exit levels that are set."""
        exits = (self.exits.stop_loss, self.exits.take_profit, self.exits.trailing_stop)
        return tuple(level for level in exits if level is not None)

    @property
    def needs_atr(self) -> bool:
        """True if an exit distance is measured in ATR."""
        return any(level.atr is not None for level in self.levels)

    @property
    def volatility_window(self) -> int | None:
        """Returns the number of returns that ``volatility_target`` measures; None for other sizings."""
        return self.sizing.window if isinstance(self.sizing, VolatilityTarget) else None

    def notices(self, place: Place) -> tuple[Notice, ...]:
        """Returns warnings about valid rules that are likely to flatter a result; ``place`` is that of the rules."""
        free = self.financing.long_rate == 0 and self.financing.short_rate == 0
        if self.margin.max_leverage > 1 and free:
            what = "is above 1 while financing costs nothing"
            return (place.notice("config_free_leverage", what, ("margin", "max_leverage")),)
        return ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Returns the notices as sentences."""
        return tuple(str(notice) for notice in self.notices(Place(root=("execution",))))

    def to_core(self) -> dict[str, Any]:
        """Returns all keys as plain values, in the shape of the file; of a choice only the key that is set."""
        rules = self.model_dump(mode="json")
        rules["slippage"] = self.slippage.model_dump(exclude_none=True)
        for name in ("stop_loss", "take_profit", "trailing_stop"):
            if rules["exits"][name] is not None:
                rules["exits"][name] = getattr(self.exits, name).model_dump(exclude_none=True)
        return rules


class Filters(Part):
    """Filters between a signal and an order.

    ``min_signal_separation`` is in hours, from the stamp of a fill's bar to that of the bar that decides. So any time
    above 0 stops what the fill's own bar decides at its close.
    """

    min_signal_separation: Annotated[
        NotNegative, about("least time from the stamp of a fill's bar to that of the next deciding bar", "hours")
    ] = 4.0


class DecisionRules(Part):
    """Decision rules of the core: the conditions under which a signal becomes an order."""

    bare: ClassVar[Mapping[str, str]] = {"filters": "{min_signal_separation: #}"}

    confidence_threshold: Annotated[
        float, Field(ge=0, le=1), about("a signal below it is a hold; classification only", "rate")
    ] = 0.5
    position_awareness: Annotated[bool, about("a signal in the direction of the open position is no order")] = True
    allow_short_from_flat: Annotated[
        bool, about("a sell without a position opens a short one; a regression always may")
    ] = False
    filters: Filters = Filters()

    def to_core(self) -> dict[str, Any]:
        """All keys as plain values, in the shape of the file."""
        return self.model_dump(mode="json")


class MetricsRules(Part):
    """Periods of a year and the risk-free rate, for metrics."""

    periods_per_year: Annotated[
        Annotated[float, Field(ge=1, le=366)] | None,
        about("days of a year of the metrics; by default 365 or 252 by the weekdays traded", "days"),
    ] = None
    risk_free_rate: Annotated[float, Field(gt=-1), about("yearly return without risk", "rate a year")] = 0.0

    def to_core(self) -> dict[str, Any]:
        """All keys as plain values, in the shape of the file."""
        return self.model_dump(mode="json")


def merge_rules(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``override`` over ``base``; sizing, slippage and each exit level are replaced whole.

    A sizing of the same kind, or without a kind, changes single keys of the sizing in force.

    >>> merge_rules({"exits": {"stop_loss": {"rate": 0.01}, "atr_period": 20}}, {"exits": {"stop_loss": {"atr": 2}}})
    {'exits': {'stop_loss': {'atr': 2}, 'atr_period': 20}}
    >>> merge_rules({"sizing": {"kind": "equity_fraction", "fraction": 0.5}}, {"sizing": {"fraction": 1}})
    {'sizing': {'kind': 'equity_fraction', 'fraction': 1}}
    """
    merged = merge(base, override, CHOICES)
    old = base.get("sizing")
    new = override.get("sizing")
    if isinstance(old, Mapping) and isinstance(new, Mapping) and new.get("kind", old.get("kind")) == old.get("kind"):
        merged["sizing"] = {**old, **new}
    return merged


def flat_rules(rules: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Returns rules by dotted path; a choice, such as sizing or an exit level, is one value.

    >>> flat_rules({"execution": {"commission": {"rate": 0.0}, "slippage": {"ticks": 1}}})
    {'execution.commission.rate': 0.0, 'execution.slippage': {'ticks': 1}}
    """
    flat: dict[str, Any] = {}
    for key, value in rules.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, Mapping) and key not in CHOICES:
            flat |= flat_rules(value, name)
        else:
            flat[name] = value
    return flat


def parse_execution(mapping: Mapping[str, Any] | None = None, *, where: str = "") -> ExecutionRules:
    """Returns ``execution`` over the defaults; raises a ``ConfigError`` leaf with path and nearest key.

    >>> parse_execution({"sizing": {"fraction": 1}}).sizing
    CashFraction(kind='cash_fraction', fraction=1.0)
    """
    sizing = mapping.get("sizing") if isinstance(mapping, Mapping) else None
    if mapping is not None and isinstance(sizing, Mapping) and "kind" not in sizing:
        mapping = merge_rules({"sizing": ExecutionRules().sizing.model_dump()}, mapping)
    return _parse(ExecutionRules, mapping, where, "execution")


def parse_decisions(mapping: Mapping[str, Any] | None = None, *, where: str = "") -> DecisionRules:
    """Returns the core's part of ``decisions`` over the defaults; raises a ``ConfigError`` leaf."""
    return _parse(DecisionRules, mapping, where, "decisions")


def parse_metrics(mapping: Mapping[str, Any] | None = None, *, where: str = "") -> MetricsRules:
    """Returns ``metrics`` over the defaults; raises a ``ConfigError`` leaf."""
    return _parse(MetricsRules, mapping, where, "metrics")


def _parse(model: type[ModelT], mapping: Mapping[str, Any] | None, where: str, section: str) -> ModelT:
    place = Place(where, root=(section,))
    return validate(model, plain({} if mapping is None else mapping, place), place)

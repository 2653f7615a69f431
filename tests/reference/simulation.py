"""One bar after the other: the whole run, in the order of the rules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from reference import exits, money
from reference.exits import Exit, Levels
from reference.metrics import Measures, measure
from reference.money import NS_PER_SECOND, Bars
from reference.rules import Rules, benchmark_rules, complete, rounded_to_f32

Row = dict[str, Any]
CLOSES = {-2: (1,), 2: (-1,), 4: (1, -1)}
"""The directions that a signal of an exit closes."""
ENTRIES = (3, -3)
"""The signals of a long and of a short entry."""


@dataclass(frozen=True)
class Order:
    """An order that a decision places: of a signal, or of the holding limit."""

    side: int
    reason: str
    decision_bar: int
    confidence: float | None
    turns: bool = False


@dataclass
class Position:
    """An open round trip."""

    trade_id: int
    direction: int
    quantity: float
    entry_bar: int
    entered_at_close: bool
    entry_price: float
    entry_notional: float
    entry_confidence: float | None
    stop: float | None
    target: float | None
    trailing: float | None
    trailing_distance: float | None
    requirement: float | None
    commission: float
    slippage: float
    spread: float
    highest: float
    lowest: float
    financing: float = 0.0


@dataclass
class Run:
    """Everything a run knows: what it was given, its account and its ledgers."""

    bars: Bars
    signals: Sequence[int]
    confidence: Sequence[float] | None
    rules: Rules
    initial_capital: float
    warmup: int
    timeframe_seconds: int
    cash: float = 0.0
    quote_cash: float = 0.0
    position: Position | None = None
    pending: Order | None = None
    last_fill_time: int | None = None
    next_trade_id: int = 0
    financing: float = 0.0
    ambiguous_bars: int = 0
    change_if_adverse: float = 0.0
    change_if_target: float = 0.0
    fills: list[Row] = field(default_factory=list)
    trades: list[Row] = field(default_factory=list)
    equity: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)

    @property
    def execution(self) -> Rules:
        """Returns the execution rules."""
        rules: Rules = self.rules["execution"]
        return rules

    @property
    def multiplier(self) -> float:
        """The instrument's contract multiplier."""
        return float(self.execution["instrument"]["contract_multiplier"])

    def copy(self) -> Run:
        """Returns a run that continues by itself from here, over the same columns."""
        twin = copy(self)
        twin.position = copy(self.position)
        for ledger in ("fills", "trades", "equity", "refused", "decisions"):
            setattr(twin, ledger, list(getattr(self, ledger)))
        return twin


@dataclass(frozen=True)
class Outcome:
    """The ledgers and the measures of a finished run."""

    fills: list[Row]
    trades: list[Row]
    equity: list[Row]
    refused: list[Row]
    decisions: list[str]
    measures: Measures


def simulate(
    bars: Bars,
    signals: Sequence[int],
    confidence: Sequence[float] | None = None,
    rules: Mapping[str, Any] | None = None,
    *,
    initial_capital: float = 100_000.0,
    warmup: int = 0,
    timeframe_seconds: int = 3_600,
) -> Outcome:
    """Trade the signals; `rules` has `execution`, `decisions`, `metrics`, each with what differs from the default."""
    run = open_run(bars, signals, confidence, complete(rules or {}), initial_capital, warmup, timeframe_seconds)
    for bar in range(warmup, len(bars.time)):
        advance(run, bar, last=bar == len(bars.time) - 1)
    return finish(run, benchmark_of(run))


def open_run(
    bars: Bars,
    signals: Sequence[int],
    confidence: Sequence[float] | None,
    rules: Rules,
    initial_capital: float,
    warmup: int,
    timeframe_seconds: int,
) -> Run:
    """A run before its first bar."""
    levels = [rules["execution"]["exits"][name] for name in ("stop_loss", "take_profit", "trailing_stop")]
    if bars.atr is None and any(level is not None and "atr" in level for level in levels):
        raise ValueError("an atr level without an atr column")
    return Run(bars, signals, confidence, rules, initial_capital, warmup, timeframe_seconds, cash=initial_capital)


def advance(run: Run, bar: int, *, last: bool) -> None:
    """One bar, in order."""
    _charge_financing(run, bar)
    order = run.pending
    run.pending = None
    if order is not None:
        _execute(run, bar, order, at_close=False, may_open=True)
    _exit_inside(run, bar)
    if run.position is not None:
        _see(run.position, run.bars.high[bar])
        _see(run.position, run.bars.low[bar])

    order = _decide(run, bar)
    if run.execution["fill"] == "next_open":
        run.pending = order
    elif order is not None:
        _execute(run, bar, order, at_close=True, may_open=not (last and run.execution["close_at_end"]))
    if last:
        _end_data(run, bar)
    _mark(run, bar)
    _trail(run, bar)


# Step 1


def _charge_financing(run: Run, bar: int) -> None:
    held = run.position
    if held is None:
        return
    terms = run.execution["financing"]
    previous = bar - 1
    rate = terms["long_rate"] if held.direction > 0 else terms["short_rate"]
    notional = held.quantity * run.bars.close[previous] * run.multiplier * money.conversion(run.bars, previous)
    days = (run.bars.time[bar] - run.bars.time[previous]) / (86_400 * NS_PER_SECOND)
    charge = notional * rate * days / terms["day_count"]
    run.cash -= charge
    run.financing += charge
    held.financing += charge


# Steps 2 and 5


def _execute(run: Run, bar: int, order: Order, *, at_close: bool, may_open: bool) -> None:
    reference = run.bars.close[bar] if at_close else run.bars.open[bar]
    if run.position is not None:
        _close_at_market(run, bar, reference, order.reason, at_close=at_close, confidence=order.confidence)
        if not order.turns or (order.side < 0 and not run.execution["allow_short"]):
            return
    if not may_open:
        _refuse(run, bar, order.side, None, "end_of_data")
        return
    _open(run, bar, order, reference, at_close=at_close)


def _open(run: Run, bar: int, order: Order, reference: float, *, at_close: bool) -> None:
    bars = run.bars
    execution = run.execution
    side = order.side
    row = bar if at_close else bar - 1
    half = money.half_spread(bars, execution, row)
    rate = money.conversion(bars, row)
    price = money.checked(money.market_price(bars, execution, bar, reference, side, half))

    distances = {name: _distance(run, name, price, order) for name in ("stop_loss", "take_profit", "trailing_stop")}
    if any(d is not None and not (math.isfinite(d) and d > 0) for d in distances.values()):
        _refuse(run, bar, side, None, "stop_distance")
        return
    equity = run.cash
    wanted = money.wanted_quantity(
        bars, execution, equity, run.cash, reference * run.multiplier * rate, order.decision_bar
    )
    if wanted is None:
        _refuse(run, bar, side, None, "volatility")
        return
    lot_size = execution["instrument"]["lot_size"]
    lots = money.whole_lots(wanted, lot_size)
    if lots < 1 or equity <= 0:
        _refuse(run, bar, side, wanted, "below_lot")
        return
    unit_cost = price * run.multiplier * rate
    lots = money.affordable_lots(execution, lots, unit_cost, equity)
    if lots < 1:
        _refuse(run, bar, side, wanted, "margin")
        return

    quantity = lots * lot_size
    fill = _fill(run, bar, side, quantity, price, reference, half, rate, "signal", run.next_trade_id)
    notional = quantity * unit_cost
    borrowed = side < 0 or notional + money.commission(execution, notional, quantity) > equity * (1 + 1e-12)
    margin = execution["margin"]
    stop = distances["stop_loss"]
    profit = distances["take_profit"]
    trailing = distances["trailing_stop"]
    tick = execution["instrument"]["tick_size"]
    run.position = Position(
        trade_id=run.next_trade_id,
        direction=side,
        quantity=quantity,
        entry_bar=bar,
        entered_at_close=at_close,
        entry_price=price,
        entry_notional=notional,
        entry_confidence=order.confidence,
        stop=None if stop is None else exits.on_its_tick(price - side * stop, tick),
        target=None if profit is None else exits.on_its_tick(price + side * profit, tick),
        trailing=None if trailing is None else exits.on_its_tick(price - side * trailing, tick),
        trailing_distance=trailing,
        requirement=margin["maintenance"] * notional / margin["max_leverage"] if borrowed else None,
        commission=fill["commission"],
        slippage=fill["slippage"],
        spread=fill["spread"],
        highest=price,
        lowest=price,
    )
    run.next_trade_id += 1


def _distance(run: Run, name: str, price: float, order: Order) -> float | None:
    level = run.execution["exits"][name]
    if level is None:
        return None
    if "rate" in level:
        return float(level["rate"]) * price
    assert run.bars.atr is not None
    return float(level["atr"]) * run.bars.atr[order.decision_bar]


def _refuse(run: Run, bar: int, side: int, quantity: float | None, reason: str) -> None:
    run.refused.append({"bar": bar, "time": run.bars.time[bar], "side": side, "quantity": quantity, "reason": reason})


def _fill(
    run: Run,
    bar: int,
    side: int,
    quantity: float,
    price: float,
    reference: float,
    half: float,
    rate: float,
    reason: str,
    trade_id: int,
) -> Row:
    """Book one fill: money, ledger row, separation clock. `half` is the half spread that the price contains."""
    money_per_price = quantity * run.multiplier * rate
    notional = price * money_per_price
    spread = half * money_per_price
    fill = {
        "bar": bar,
        "time": run.bars.time[bar],
        "trade_id": trade_id,
        "side": side,
        "quantity": quantity,
        "price": price,
        "reference_price": reference,
        "commission": money.commission(run.execution, notional, quantity),
        "slippage": side * (price - reference) * money_per_price - spread,
        "spread": spread,
        "reason": reason,
        "notional": notional,
    }
    run.quote_cash -= side * quantity * price * run.multiplier
    run.cash -= fill["commission"]
    run.last_fill_time = run.bars.time[bar]
    run.fills.append(fill)
    return fill


def _close_at_market(
    run: Run, bar: int, reference: float, reason: str, *, at_close: bool, confidence: float | None = None
) -> None:
    assert run.position is not None
    row = bar if at_close else bar - 1
    side = -run.position.direction
    half = money.half_spread(run.bars, run.execution, row)
    price = money.checked(money.market_price(run.bars, run.execution, bar, reference, side, half))
    if not at_close:
        _see(run.position, run.bars.open[bar])
    _close(run, bar, price, reference, half, row, reason, confidence)


def _close(
    run: Run,
    bar: int,
    price: float,
    reference: float,
    half: float,
    row: int,
    reason: str,
    confidence: float | None = None,
) -> None:
    """Close the position at a known price; `row` holds the conversion rate that counts."""
    held = run.position
    assert held is not None
    rate = money.conversion(run.bars, row)
    fill = _fill(run, bar, -held.direction, held.quantity, price, reference, half, rate, reason, held.trade_id)
    _see(held, price)
    gross = rate * run.quote_cash
    run.cash += gross
    run.quote_cash = 0.0
    run.trades.append(_trade(run, held, fill, gross, rate, confidence))
    run.position = None


def _trade(run: Run, held: Position, fill: Row, gross: float, rate: float, confidence: float | None) -> Row:
    commission = held.commission + fill["commission"]
    net = gross - commission - held.financing
    per_price = held.quantity * run.multiplier * rate
    upward = held.highest - held.entry_price
    downward = held.lowest - held.entry_price
    best, worst = (upward, downward) if held.direction > 0 else (-downward, -upward)
    mfe = max(best, 0.0) * per_price
    mae = min(worst, 0.0) * per_price
    entry_time = run.bars.time[held.entry_bar]
    return {
        "trade_id": held.trade_id,
        "direction": held.direction,
        "entry_bar": held.entry_bar,
        "entry_time": entry_time,
        "entry_price": held.entry_price,
        "exit_bar": fill["bar"],
        "exit_time": fill["time"],
        "exit_price": fill["price"],
        "quantity": held.quantity,
        "gross_pnl": gross,
        "commission": commission,
        "financing": held.financing,
        "net_pnl": net,
        "slippage": held.slippage + fill["slippage"],
        "spread": held.spread + fill["spread"],
        "return_rate": net / held.entry_notional,
        "bars_held": fill["bar"] - held.entry_bar,
        "hours_held": (fill["time"] - entry_time) / (3_600 * NS_PER_SECOND),
        "mfe": mfe,
        "mae": mae,
        "mfe_rate": mfe / held.entry_notional,
        "mae_rate": mae / held.entry_notional,
        "entry_confidence": held.entry_confidence,
        "exit_confidence": confidence,
        "stop_price": held.stop,
        "target_price": held.target,
        "exit_reason": fill["reason"],
    }


def _see(held: Position, price: float) -> None:
    held.highest = max(held.highest, price)
    held.lowest = min(held.lowest, price)


# Step 3


def _exit_inside(run: Run, bar: int) -> None:
    held = run.position
    bars = run.bars
    execution = run.execution
    if held is None:
        return
    half = money.half_spread(bars, execution, bar - 1)
    levels = Levels(held.stop, held.trailing, _liquidation_level(run, held, bar), held.target)
    verdict = exits.inside_bar(
        held.direction, levels, (bars.open[bar], bars.high[bar], bars.low[bar]), half, execution["intrabar"]
    )
    if verdict is None:
        return
    price, booked = _exit_price(run, held, bar, verdict.taken, half)
    money.checked(price)
    if verdict.adverse is not None and verdict.target is not None:
        run.ambiguous_bars += 1
        run.change_if_adverse += _change(run, held, bar, price, verdict.adverse, half)
        run.change_if_target += _change(run, held, bar, price, verdict.target, half)
    _see(held, bars.open[bar])
    _close(run, bar, price, verdict.taken.reference, booked, bar - 1, verdict.taken.reason)


def _liquidation_level(run: Run, held: Position, bar: int) -> float | None:
    """Returns the price at which equity equals the requirement, from the present account."""
    if held.requirement is None:
        return None
    in_quote = (held.requirement - run.cash) / money.conversion(run.bars, bar - 1)
    level = (in_quote - run.quote_cash) / (held.direction * held.quantity * run.multiplier)
    return exits.on_its_tick(level, run.execution["instrument"]["tick_size"])


def _exit_price(run: Run, held: Position, bar: int, exit_: Exit, half: float) -> tuple[float, float]:
    """The fill's price and the half spread that it contains."""
    side = -held.direction
    tick = run.execution["instrument"]["tick_size"]
    if exit_.kind == "market":
        return money.market_price(run.bars, run.execution, bar, exit_.reference, side, half), half
    if exit_.kind == "open_target":
        return money.rounded_to_tick(exit_.reference + side * half, side, tick), half
    return money.rounded_to_tick(exit_.reference, side, tick), 0.0


def _change(run: Run, held: Position, bar: int, price: float, other: Exit, half: float) -> float:
    """Returns the change of the trade's net P&L, had it left at the other price."""
    per_price = held.quantity * run.multiplier * money.conversion(run.bars, bar - 1)
    other_price, _ = _exit_price(run, held, bar, other, half)
    gross = held.direction * (other_price - price) * per_price
    commission = money.commission(run.execution, price * per_price, held.quantity)
    other_commission = money.commission(run.execution, other_price * per_price, held.quantity)
    return gross - (other_commission - commission)


# Step 4


def _decide(run: Run, bar: int) -> Order | None:
    """The order of this bar's close, if any, and the code that says why there is none."""
    signal = run.signals[bar]
    confidence = 1.0 if run.confidence is None else run.confidence[bar]
    held = run.position
    code = _reason_to_hold(run, bar, signal, confidence)
    if code is None and held is not None and signal not in CLOSES and held.direction == _side(signal):
        _refuse(run, bar, held.direction, None, "already_in_position")
        code = "position"
    if code is None:
        run.decisions.append("traded")
        if signal in CLOSES:
            assert held is not None
            return Order(-held.direction, "signal", bar, confidence, turns=False)
        turns = signal in ENTRIES or run.execution["on_opposite"] == "reverse"
        return Order(_side(signal), "signal", bar, confidence, turns)
    if held is not None and _held_long_enough(run, held, bar):
        run.decisions.append("max_holding")
        return Order(-held.direction, "max_holding", bar, None)
    run.decisions.append(code)
    return None


def _side(signal: int) -> int:
    return 1 if signal > 0 else -1


def _reason_to_hold(run: Run, bar: int, signal: int, confidence: float) -> str | None:
    rules = run.rules["decisions"]
    held = run.position
    if math.isnan(confidence):
        return "undefined"
    if signal == 0:
        return "hold"
    if confidence < rounded_to_f32(rules["confidence_threshold"]):
        return "threshold"
    separation_ns = round(rules["filters"]["min_signal_separation"] * 3_600 * NS_PER_SECOND)
    if run.last_fill_time is not None and run.bars.time[bar] - run.last_fill_time < separation_ns:
        return "separation"
    if signal in CLOSES:
        return None if held is not None and held.direction in CLOSES[signal] else "position"
    if rules["position_awareness"] and held is not None and held.direction == _side(signal):
        return "position"
    may_short = rules["allow_short_from_flat"] and run.execution["allow_short"]
    if held is None and signal < 0 and not may_short:
        return "short"
    return None


def _held_long_enough(run: Run, held: Position, bar: int) -> bool:
    limit = run.execution["exits"]["max_holding_bars"]
    if limit is None:
        return False
    if run.execution["fill"] == "this_close":
        return bool(bar >= held.entry_bar + limit)
    return bool(bar >= held.entry_bar + limit - 1)


# Steps 6 to 8


def _end_data(run: Run, bar: int) -> None:
    if run.pending is not None:
        _refuse(run, bar, run.pending.side, None, "end_of_data")
        run.pending = None
    if run.execution["close_at_end"] and run.position is not None:
        _close_at_market(run, bar, run.bars.close[bar], "end_of_data", at_close=True)


def _mark(run: Run, bar: int) -> None:
    held = run.position
    rate = money.conversion(run.bars, bar)
    quantity = 0.0 if held is None else held.direction * held.quantity
    open_gross = rate * (run.quote_cash + quantity * run.bars.close[bar] * run.multiplier)
    equity = run.cash + open_gross
    peak = max([run.initial_capital, equity] + ([run.equity[-1]["peak"]] if run.equity else []))
    run.equity.append(
        {
            "bar": bar,
            "time": run.bars.time[bar],
            "equity": equity,
            "cash": run.cash + rate * run.quote_cash,
            "quantity": quantity,
            "drawdown": (peak - equity) / peak,
            "peak": peak,
            "open_gross": open_gross,
        }
    )


def _trail(run: Run, bar: int) -> None:
    held = run.position
    if held is None or held.trailing is None or held.trailing_distance is None:
        return
    if held.entered_at_close and held.entry_bar == bar:
        return
    by_close = run.execution["exits"]["trail_on"] == "close"
    tick = run.execution["instrument"]["tick_size"]
    if held.direction > 0:
        best = run.bars.close[bar] if by_close else run.bars.high[bar]
        held.trailing = max(held.trailing, exits.on_its_tick(best - held.trailing_distance, tick))
    else:
        best = run.bars.close[bar] if by_close else run.bars.low[bar]
        held.trailing = min(held.trailing, exits.on_its_tick(best + held.trailing_distance, tick))


# The end


def finish(run: Run, benchmark: Measures | None) -> Outcome:
    """The identity checked, everything measured."""
    _check_identity(run)
    return Outcome(run.fills, run.trades, run.equity, run.refused, run.decisions, measure(run, benchmark))


def _check_identity(run: Run) -> None:
    final = run.equity[-1]["equity"]
    total = run.initial_capital + math.fsum(trade["net_pnl"] for trade in run.trades)
    if run.position is not None:
        total += run.equity[-1]["open_gross"] - run.position.commission - run.position.financing
    largest = max(abs(row["equity"]) for row in run.equity)
    assert abs(total - final) <= 1e-9 * max(1.0, run.initial_capital, largest), (total, final)


def benchmark_of(run: Run) -> Measures | None:
    """Buy and hold under the run's own costs; None where there are not two bars to hold over."""
    bars = len(run.bars.time)
    if bars - run.warmup < 2:
        return None
    signals = [1 if bar == run.warmup else 0 for bar in range(bars)]
    held = open_run(
        run.bars, signals, None, benchmark_rules(run.rules), run.initial_capital, run.warmup, run.timeframe_seconds
    )
    for bar in range(run.warmup, bars):
        advance(held, bar, last=bar == bars - 1)
    return finish(held, None).measures

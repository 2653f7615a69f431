"""Random runs in which the rules bite: tight levels, coarse prices, many signals, every rule drawn."""

from __future__ import annotations

import struct
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

from reference.case import Case
from reference.money import NS_PER_SECOND, Bars

SECONDS = {"5m": 300, "1h": 3_600, "4h": 14_400, "1d": 86_400, "1w": 604_800}
DAY_SECONDS = 86_400
MONDAY_SECONDS = 1_704_067_200  # 2024-01-01, a Monday


def draw_case(seed: int) -> Case:
    """The case of a seed."""
    rng = Random(seed)
    timeframe = rng.choices(list(SECONDS), [10, 20, 25, 35, 10])[0]
    length = rng.choices([rng.randint(1, 6), rng.randint(10, 60), rng.randint(60, 160)], [15, 45, 40])[0]
    times = _draw_times(rng, SECONDS[timeframe], length)
    scale = rng.choice([0.02, 1.1, 1.1, 35.0, 100.0, 100.0, 4_000.0])
    volatility = rng.choice([0.002, 0.01, 0.01, 0.03, 0.08])
    capital = rng.choice([1_000.0, 10_000.0, 100_000.0, 123_456.78])
    exact = rng.random() < 0.25
    bars = _draw_bars(rng, times, scale, volatility)
    execution = _draw_execution(rng, scale, volatility, capital, has_atr=bars.atr is not None)
    if exact:
        bars, execution = _exact(rng, bars, execution)
    rules = {
        "execution": execution,
        "decisions": _draw_decisions(rng),
        "metrics": _draw_metrics(rng),
    }
    warmup = rng.choice([0, 0, 0, min(5, length - 1), rng.randint(0, length - 1)])
    threshold = rules["decisions"].get("confidence_threshold", 0.5)
    return Case(
        bars,
        _draw_signals(rng, length),
        _draw_confidence(rng, length, threshold),
        rules,
        capital,
        warmup,
        SECONDS[timeframe],
    )


def draw_flag_case(seed: int) -> Case:
    """The case of a seed with entries and exits in place of its signals; in every third some stay."""
    rng = Random(f"flags {seed}")
    case = draw_case(seed)
    kept = 0.3 if seed % 3 == 0 else 0.0

    def one(signal: int) -> int:
        return signal if signal == 0 or rng.random() < kept else rng.choice([3, -3, -2, 2, 4])

    return replace(case, signals=[one(signal) for signal in case.signals])


def draw_case_over(seed: int, bars: Bars, timeframe_seconds: int) -> Case:
    """Drawn signals and rules over given bars, with rules of their size."""
    rng = Random(seed)
    length = len(bars.time)
    scale = bars.close[0]
    volatility = max(sum(abs(b / a - 1) for a, b in pairwise(bars.close)) / length, 1e-5)
    capital = rng.choice([10_000.0, 123_456.78])
    rules = {
        "execution": _draw_execution(rng, scale, volatility, capital, has_atr=bars.atr is not None),
        "decisions": _draw_decisions(rng),
        "metrics": _draw_metrics(rng),
    }
    threshold = rules["decisions"].get("confidence_threshold", 0.5)
    signals = _draw_signals(rng, length)
    confidence = _draw_confidence(rng, length, threshold)
    return Case(bars, signals, confidence, rules, capital, rng.choice([0, 30]), timeframe_seconds)


# Bars


def _draw_times(rng: Random, seconds: int, length: int) -> list[int]:
    """Open times: every day or with weekends left out, now and then a hole."""
    start = MONDAY_SECONDS + rng.randrange(0, 60 * DAY_SECONDS, min(seconds, DAY_SECONDS))
    # Weekly bars are stamped with their Monday.
    start -= (start - MONDAY_SECONDS) % SECONDS["1w"] if seconds == SECONDS["1w"] else 0
    regular = length <= 6 or seconds > DAY_SECONDS
    calendar = "always" if regular else rng.choice(["always", "weekdays", "fx"])
    holes = 0.0 if length <= 6 else rng.choice([0.0, 0.0, 0.05])
    times: list[int] = []
    now = start
    while len(times) < length:
        if _market_is_open(calendar, now) and rng.random() >= holes:
            times.append(now * NS_PER_SECOND)
        now += seconds
    return times


def _market_is_open(calendar: str, now: int) -> bool:
    weekday = (now // DAY_SECONDS + 3) % 7
    second = now % DAY_SECONDS
    if calendar == "weekdays":
        return weekday < 5
    if calendar == "fx":
        return weekday < 4 or (weekday == 4 and second < 22 * 3_600) or (weekday == 6 and second >= 20 * 3_600)
    return True


def _draw_bars(rng: Random, times: list[int], scale: float, volatility: float) -> Bars:
    """A walk with gaps, often on a coarse grid so that levels are met exactly."""
    grid = rng.choice([None, None, scale * 0.01, scale * 0.002])
    drift = rng.choice([-0.3, 0.0, 0.0, 0.3]) * volatility

    def snapped(price: float) -> float:
        price = max(price, scale * 0.05)
        return price if grid is None else max(round(price / grid), 1) * grid

    rows: list[tuple[float, float, float, float]] = []
    price = snapped(scale)
    for _ in times:
        jump = rng.gauss(0, 3 * volatility) if rng.random() < 0.1 else rng.choice([0.0, rng.gauss(0, volatility / 3)])
        open_ = snapped(price * (1 + jump))
        path = [snapped(open_ * (1 + drift + rng.gauss(0, volatility))) for _ in range(3)]
        close = path[-1] if rng.random() > 0.05 else open_
        rows.append((open_, max(open_, *path), min(open_, *path), close))
        price = close
    opens, highs, lows, closes = (list(column) for column in zip(*rows, strict=True))
    return Bars(times, opens, highs, lows, closes, *_draw_columns(rng, rows, scale, volatility))


def _exact(rng: Random, bars: Bars, execution: dict[str, Any]) -> tuple[Bars, dict[str, Any]]:
    """A world of whole numbers in which prices meet levels exactly, not nearly."""
    unit = (max(bars.high) - min(bars.low)) / 24

    def whole(price: float) -> float:
        return float(32 + round((price - min(bars.low)) / unit)) if unit > 0 else 32.0

    prices = ([whole(price) for price in column] for column in (bars.open, bars.high, bars.low, bars.close))
    atr = [float(rng.choice([1, 2, 4, 8])) for _ in bars.time]
    levels = [{"atr": 1.0}, {"atr": 0.5}, {"atr": 2.0}, {"rate": 0.0625}, None]
    exits = {name: rng.choice(levels) for name in ("stop_loss", "take_profit", "trailing_stop")}
    changed = {
        "slippage": rng.choice([{"rate": 0.0}, {"rate": 0.0}, {"ticks": 1.0}, {"range_fraction": 0.5}]),
        "spread": {"half": rng.choice([0.0, 0.5, 1.0])},
        "exits": {**execution["exits"], **exits},
        "instrument": {"tick_size": rng.choice([0.5, 1.0]), "lot_size": 0.25, "contract_multiplier": 1.0},
    }
    _sometimes(rng, 0.6, changed, "commission", {"rate": 0.0})
    _sometimes(rng, 0.4, changed, "intrabar", "ohlc")
    return Bars(bars.time, *prices, None, atr, bars.conversion_rate), {**execution, **changed}


def _draw_columns(
    rng: Random, rows: list[tuple[float, float, float, float]], scale: float, volatility: float
) -> tuple[list[float] | None, list[float] | None, list[float] | None]:
    half_spread = atr = conversion = None
    if rng.random() < 0.3:
        widest = scale * volatility * rng.choice([0.01, 0.1, 0.5])
        half_spread = [rng.choice([0.0, rng.uniform(0, widest), widest]) for _ in rows]
    if rng.random() < 0.5:
        undefined = rng.choice([0.0, 0.1])
        bad = (float("nan"), 0.0)
        atr = [rng.choice(bad) if rng.random() < undefined else scale * volatility * rng.uniform(0.2, 2) for _ in rows]
    if rng.random() < 0.3:
        kind = rng.choice(["inverse", "walk", "two"])
        conversion = [
            1 / close if kind == "inverse" else rng.uniform(0.8, 1.3) if kind == "walk" else rng.choice([0.5, 2.0])
            for *_, close in rows
        ]
    return half_spread, atr, conversion


# Signals


def _draw_signals(rng: Random, length: int) -> list[int]:
    density = rng.choice([0.05, 0.2, 0.4, 0.8, 1.0])
    buys = rng.choice([0.5, 0.5, 0.5, 0.8, 0.2])
    return [0 if rng.random() >= density else 1 if rng.random() < buys else -1 for _ in range(length)]


def _draw_confidence(rng: Random, length: int, threshold: float) -> list[float] | None:
    if rng.random() < 0.25:
        return None
    undefined = rng.choice([0.0, 0.03, 0.2])
    low = rng.choice([0.0, 0.4, min(threshold, 1.0)])

    def one() -> float:
        if rng.random() < undefined:
            return float("nan")
        at_threshold = rng.random() < 0.05
        return float(struct.unpack("<f", struct.pack("<f", threshold if at_threshold else rng.uniform(low, 1.0)))[0])

    return [one() for _ in range(length)]


# Rules


def _sometimes(rng: Random, chance: float, rules: dict[str, Any], key: str, value: Any) -> None:
    if rng.random() < chance:
        rules[key] = value


def _draw_execution(rng: Random, scale: float, volatility: float, capital: float, *, has_atr: bool) -> dict[str, Any]:
    tick = rng.choice([None, None, None, scale * 0.001, scale * 0.0001, scale * 0.02, 0.01 if scale > 1 else 0.0001])
    multiplier = rng.choice([1.0, 1.0, 1.0, 10.0, 0.1])
    leverage = rng.choice([1.0, 1.0, 1.0, 2.0, 5.0, 30.0])
    lot = rng.choice([1e-8, 1e-8, 1e-8, 0.01, 1.0, 0.3, capital / scale / 50])
    rules: dict[str, Any] = {
        "sizing": _draw_sizing(rng, scale * multiplier, capital, leverage),
        "margin": {"max_leverage": leverage, "maintenance": rng.choice([0.5, 0.0, 0.9, 0.95])},
        "instrument": {"tick_size": tick, "lot_size": lot, "contract_multiplier": multiplier},
        "exits": _draw_exits(rng, volatility, has_atr=has_atr),
    }
    _sometimes(rng, 0.35, rules, "fill", "this_close")
    _sometimes(rng, 0.6, rules, "commission", _draw_commission(rng, capital))
    _sometimes(rng, 0.6, rules, "slippage", _draw_slippage(rng, tick))
    _sometimes(rng, 0.4, rules, "spread", {"half": scale * volatility * rng.choice([0.0, 0.01, 0.1, 0.4])})
    _sometimes(rng, 0.4, rules, "financing", _draw_financing(rng))
    rules["intrabar"] = rng.choice(["pessimistic", "optimistic", "ohlc"])
    _sometimes(rng, 0.5, rules, "on_opposite", "reverse")
    _sometimes(rng, 0.25, rules, "allow_short", False)
    _sometimes(rng, 0.4, rules, "close_at_end", False)
    return rules


def _draw_sizing(rng: Random, unit: float, capital: float, leverage: float) -> dict[str, Any]:
    kind = rng.choice(["cash_fraction", "equity_fraction", "fixed_quantity", "fixed_notional", "volatility_target"])
    if kind == "cash_fraction":
        return {"kind": kind, "fraction": rng.choice([0.25, 1.0, rng.uniform(0.01, 1.0)])}
    if kind == "equity_fraction":
        return {"kind": kind, "fraction": rng.choice([0.5, 1.0, leverage, rng.uniform(0.01, leverage)])}
    if kind == "volatility_target":
        return {"kind": kind, "annual": rng.choice([0.05, 0.2, 1.0]), "window": rng.choice([2, 3, 5, 20])}
    notional = capital * rng.choice([0.1, 0.5, 0.9, leverage * 0.98, leverage * 1.1])
    if kind == "fixed_notional":
        return {"kind": kind, "notional": notional}
    return {"kind": kind, "quantity": rng.choice([1.0, 10.0, notional / unit, round(notional / unit) + 1.0])}


def _draw_commission(rng: Random, capital: float) -> dict[str, float]:
    rules: dict[str, float] = {}
    _sometimes(rng, 0.7, rules, "rate", rng.choice([0.0, 1e-4, 0.002, 0.02]))
    _sometimes(rng, 0.3, rules, "per_unit", rng.choice([0.005, 1e-4]))
    _sometimes(rng, 0.3, rules, "per_fill", capital * 1e-4)
    _sometimes(rng, 0.3, rules, "minimum", capital * rng.choice([1e-4, 1e-3]))
    return rules


def _draw_slippage(rng: Random, tick: float | None) -> dict[str, float]:
    kind = rng.choice(["rate", "range_fraction", "none"] + (["ticks"] if tick else []))
    if kind == "ticks":
        return {"ticks": float(rng.choice([0, 1, 2]))}
    if kind == "range_fraction":
        return {"range_fraction": rng.choice([0.05, 0.3, 1.0])}
    return {"rate": 0.0 if kind == "none" else rng.choice([1e-4, 0.002, 0.02])}


def _draw_financing(rng: Random) -> dict[str, float]:
    rates = [0.0, 0.05, 1.5, -0.02, -0.5]
    rules = {"long_rate": rng.choice(rates), "short_rate": rng.choice(rates)}
    _sometimes(rng, 0.4, rules, "day_count", rng.choice([360.0, 365.0]))
    return rules


def _draw_exits(rng: Random, volatility: float, *, has_atr: bool) -> dict[str, Any]:
    def level() -> dict[str, float]:
        if has_atr and rng.random() < 0.4:
            return {"atr": rng.choice([0.5, 1.0, 2.0])}
        return {"rate": rng.choice([volatility * rng.uniform(0.3, 4), 0.01, 0.02, 0.05])}

    rules: dict[str, Any] = {}
    for name, chance in (("stop_loss", 0.5), ("take_profit", 0.5), ("trailing_stop", 0.35)):
        if rng.random() < chance:
            rules[name] = level()
    _sometimes(rng, 0.5, rules, "trail_on", "extreme")
    _sometimes(rng, 0.35, rules, "max_holding_bars", rng.choice([1, 2, 3, 8]))
    return rules


def _draw_decisions(rng: Random) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    _sometimes(rng, 0.7, rules, "confidence_threshold", rng.choice([0.0, 0.1, 0.3, 0.55, 0.9]))
    _sometimes(rng, 0.4, rules, "position_awareness", False)
    _sometimes(rng, 0.8, rules, "allow_short_from_flat", True)
    hours = rng.choice([0.0, 0.0, 0.0, 0.25, 1.0, 1 / 3, 7.5, 24.0, 30.1])
    _sometimes(rng, 0.85, rules, "filters", {"min_signal_separation": hours})
    return rules


def _draw_metrics(rng: Random) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    _sometimes(rng, 0.3, rules, "periods_per_year", rng.choice([252.0, 365.0, 366.0, 52.0, 1.0, 364.9]))
    _sometimes(rng, 0.3, rules, "risk_free_rate", rng.choice([0.02, 0.1]))
    return rules

"""Exits of an open position inside a bar.

A short is a long seen in a mirror: its prices are taken negative, so that "above" means "better" for both. A price that
differs from a level by a billionth of it is at the level.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Levels:
    """The prices that close a position; None where there is no such level."""

    stop: float | None
    trailing: float | None
    liquidation: float | None
    target: float | None


@dataclass(frozen=True)
class Exit:
    """An exit of a position inside a bar.

    `kind`: "market" at `reference` with all costs; "open_target" at the open, half the spread off; "target" at its
    level.
    """

    kind: str
    reason: str
    reference: float


@dataclass(frozen=True)
class Verdict:
    """The exit taken; where the bar was ambiguous also the two that were possible."""

    taken: Exit
    adverse: Exit | None = None
    target: Exit | None = None


def equal(price: float, level: float) -> bool:
    """Returns whether a price, or another level, is at the level but for rounding."""
    return abs(price - level) <= 1e-9 * abs(level)


def on_its_tick(level: float, tick: float | None) -> float:
    """The tick that the level lies on but for rounding; the level itself where it lies on none."""
    if tick is None or abs(level / tick - round(level / tick)) > 1e-6:
        return level
    return round(level / tick) * tick


def adverse_exit(direction: int, levels: Levels) -> Exit | None:
    """The level that a falling market meets first; of equal ones the first named gives the reason."""
    named = [
        ("stop_loss", levels.stop),
        ("trailing_stop", levels.trailing),
        ("liquidation", levels.liquidation),
    ]
    present = [Exit("market", reason, level) for reason, level in named if level is not None]
    if not present:
        return None
    nearest = max(direction * exit_.reference for exit_ in present) * direction
    reason = next(exit_.reason for exit_ in present if equal(exit_.reference, nearest))
    return Exit("market", reason, nearest)


def inside_bar(
    direction: int, levels: Levels, bar: tuple[float, float, float], half: float, intrabar: str
) -> Verdict | None:
    """The exit of a bar with the given open, high and low; None where the position survives it."""
    open_, high, low = bar
    opened = direction * open_
    best, worst = (high, low) if direction > 0 else (-low, -high)
    adverse = adverse_exit(direction, levels)

    def reaches(price: float, level: float) -> bool:
        return price < direction * level or equal(price, direction * level)

    def exceeds(price: float, level: float) -> bool:
        return price > direction * level and not equal(price, direction * level)

    if adverse is not None and reaches(opened, adverse.reference):
        return Verdict(Exit("market", adverse.reason, open_))
    if levels.target is not None:
        offered = opened - half
        if exceeds(offered, levels.target) or equal(offered, direction * levels.target):
            return Verdict(Exit("open_target", "take_profit", open_))

    adverse_touched = adverse is not None and reaches(worst, adverse.reference)
    target_touched = levels.target is not None and exceeds(best - half, levels.target)
    target = Exit("target", "take_profit", levels.target) if levels.target is not None else None
    if adverse_touched and target_touched:
        assert adverse is not None and target is not None
        down = opened - worst
        up = best - opened
        adverse_is_nearer = down <= up or abs(down - up) <= 1e-9 * open_
        adverse_first = intrabar == "pessimistic" or (intrabar == "ohlc" and adverse_is_nearer)
        return Verdict(adverse if adverse_first else target, adverse, target)
    if adverse_touched:
        assert adverse is not None
        return Verdict(adverse)
    if target_touched:
        assert target is not None
        return Verdict(target)
    return None
